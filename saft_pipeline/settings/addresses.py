"""Where browsers find what the settings have served: for links from one page to another."""

from __future__ import annotations

from saft_pipeline.settings import Settings

_ANY = ("0.0.0.0", "::")  # noqa: S104


def page_url(settings: Settings) -> str | None:
    """The status page's address, with its last slash; None where only who runs a proxy knows it.

    Listening at every address of the machine, it is known by the first of WEB_HOSTS, if any.
    """
    host = settings.api_host
    if host in _ANY:
        if not settings.web_hosts:
            return None
        host = settings.web_hosts[0]
    scheme = "https" if settings.tls_cert_path else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.api_port}/"
