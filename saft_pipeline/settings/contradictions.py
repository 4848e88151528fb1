"""What is wrong with settings: a sentence each, beginning with the name."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from saft_pipeline.settings import Settings


def contradictions(s: Settings) -> list[str]:
    """All but those of the SFTP server, which not every command needs."""
    problems = []
    if bool(s.supabase_url) != bool(s.supabase_key):
        missing = "SUPABASE_KEY" if s.supabase_url else "SUPABASE_URL"
        problems.append(f"{missing}: missing; SUPABASE_URL and SUPABASE_KEY belong together")
    if s.sftp_known_hosts_path and s.sftp_host_key_fingerprints:
        problems.append(
            "SFTP_KNOWN_HOSTS_PATH, SFTP_HOST_KEY_FINGERPRINTS: both set; keep the one to trust"
        )
    if s.sftp_private_key_passphrase and not s.sftp_private_key_path:
        problems.append("SFTP_PRIVATE_KEY_PATH: missing, though SFTP_PRIVATE_KEY_PASSPHRASE is set")
    if bool(s.tls_cert_path) != bool(s.tls_key_path):
        missing = "TLS_KEY_PATH" if s.tls_cert_path else "TLS_CERT_PATH"
        problems.append(f"{missing}: missing; TLS_CERT_PATH and TLS_KEY_PATH belong together")
    return [*problems, *_alert_problems(s), *_scale_problems(s)]


def _scale_problems(s: Settings) -> list[str]:
    """What runs on several machines need to have in common."""
    problems = []
    if s.dagster_db_url and s.dagster_db_url == s.supabase_db_url:
        problems.append("DAGSTER_DB_URL: the tables' own database; give Dagster one beside it")
    if not s.redis_url:
        return problems
    if not _is_url(s.redis_url.get_secret_value(), ("redis", "rediss")):
        problems.append("REDIS_URL: not an address that begins with redis:// or rediss://")
    if find_spec("dagster_celery") is None:
        problems.append("REDIS_URL: needs Celery: pip install 'saft_pipeline[scale]'")
    shared = {
        "DAGSTER_DB_URL": s.dagster_db_url,
        "SAFT_ARTIFACTS_URL": s.saft_artifacts_url,
        "SUPABASE_DB_URL": s.supabase_db_url or s.supabase_url,
    }
    return problems + [
        f"{name}: missing; with REDIS_URL all machines must reach it"
        for name, value in shared.items()
        if not value
    ]


def _alert_problems(s: Settings) -> list[str]:
    problems = [
        f"{name}: not an address that begins with {' or '.join(f'{k}://' for k in kinds)}"
        for name, url, kinds in (
            ("ALERT_WEBHOOK_URL", s.alert_webhook_url, ("http", "https")),
            ("REPORT_WEBHOOK_URL", s.report_webhook_url, ("http", "https")),
            ("ALERT_SMTP_URL", s.alert_smtp_url, ("smtp", "smtps")),
        )
        if url and not _is_url(url.get_secret_value(), kinds)
    ]
    mail = {
        "ALERT_SMTP_URL": s.alert_smtp_url,
        "ALERT_EMAIL_FROM": s.alert_email_from,
        "ALERT_EMAIL_TO": s.alert_email_to or s.report_email_to,
    }
    if any(mail.values()):
        others = "the three settings of e-mail belong together"
        problems += [f"{name}: missing; {others}" for name, value in mail.items() if not value]
    return problems


def _is_url(text: str, kinds: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in kinds and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def missing_of_sftp(s: Settings) -> list[str]:
    """What is missing to reach the SFTP server."""
    needed = {"SFTP_HOST": s.sftp_host, "SFTP_USERNAME": s.sftp_username}
    problems = [f"{name}: missing" for name, value in needed.items() if not value]
    if not (s.sftp_password or s.sftp_private_key_path):
        problems.append("SFTP_PASSWORD or SFTP_PRIVATE_KEY_PATH: missing")
    return problems


_WORDS = {
    "int_parsing": "not a whole number",
    "float_parsing": "not a number",
    "bool_parsing": "neither true nor false",
    "greater_than_equal": "must be {ge} or more",
    "greater_than": "must be more than {gt:g}",
    "less_than_equal": "must be {le} or less",
    "literal_error": "must be one of {expected}",
}


def explained(error: Any) -> str:
    """What pydantic says of a value, in our words: the setting, and what it must be."""
    known = _WORDS.get(error["type"], "").format_map(error.get("ctx", {}))
    said = known or error["msg"].lower().removeprefix("value error, ")
    return f"{str(error['loc'][0]).upper()}: {said}"
