"""Where servers of ours are found: for links from one page to another, and for people."""

from __future__ import annotations

from saft_pipeline.settings import Settings

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104


def in_url(host: str) -> str:
    """A host as an address has it: one of IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def origin(settings: Settings, host: str, port: int) -> str:
    """`http://HOST:PORT`, or with https where there is a certificate."""
    scheme = "https" if settings.tls_cert_path else "http"
    return f"{scheme}://{in_url(host)}:{port}"


def page_url(settings: Settings) -> str | None:
    """The status page's address, with its last slash; None where only who runs a proxy knows it.

    Listening at every address of the machine, it is known by the first of WEB_HOSTS, if any.
    """
    host = settings.api_host
    if host in EVERYWHERE:
        if not settings.web_hosts:
            return None
        host = settings.web_hosts[0]
    return f"{origin(settings, host, settings.api_port)}/"
