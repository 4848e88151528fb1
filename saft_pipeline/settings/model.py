"""Every setting with its default, what follows from them, and the same for each source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
)

from saft_pipeline.durations import parse_duration
from saft_pipeline.saft.rules.checks import NAMES
from saft_pipeline.settings import sources_file
from saft_pipeline.settings.contradictions import explained, missing_of_sftp
from saft_pipeline.settings.public_keys import PublicKeys
from saft_pipeline.sftp.model import SftpConfig


class SettingsError(Exception):
    """Settings that are missing, wrong or contradict each other; the message names all of them."""


class Settings(BaseModel):
    """Every setting, with its default; field names are the variables' names in lower case."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    sftp_host: str | None = None
    sftp_port: int = Field(22, ge=1, le=65535)
    sftp_username: str | None = None
    sftp_password: SecretStr | None = None
    sftp_private_key_path: Path | None = None
    sftp_private_key_passphrase: SecretStr | None = None
    sftp_known_hosts_path: Path | None = None
    sftp_host_key_fingerprints: tuple[str, ...] = ()
    sftp_remote_dir: str = "."
    sftp_pattern: str = "*.xml,*.xml.gz,*.zip"
    sftp_recursive: bool = True
    sftp_timeout_seconds: float = Field(30, gt=0)
    sftp_connections: int = Field(2, ge=1)
    sftp_requests: int = Field(64, ge=1)
    sftp_archive_dir: str = "archive"
    sources_file: Path | None = None
    after_load: Literal["keep", "archive", "delete"] = "keep"
    poll_interval_seconds: int = Field(300, ge=1)
    max_files_per_batch: int = Field(50, ge=0)
    run_per_file_up_to: int = Field(10, ge=0)
    max_files_per_run: int = Field(1000, ge=1)
    max_concurrent_runs: int = Field(2, ge=1)
    lease_seconds: int = Field(120, ge=5)
    log_level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    log_format: Literal["plain", "json"] = "plain"
    block_on: tuple[str, ...] = ()
    saft_public_keys: PublicKeys = ()
    batch_size_companies: int = Field(1000, ge=1)
    batch_size_invoices: int = Field(500, ge=1)
    batch_size_lines: int = Field(2000, ge=1)
    batch_size_links: int = Field(500, ge=1)
    supabase_db_url: SecretStr | None = None
    supabase_url: str | None = None
    supabase_key: SecretStr | None = None
    redis_url: SecretStr | None = None
    dagster_db_url: SecretStr | None = None
    saft_artifacts_url: str | None = None

    saft_home: Path = Path(".saft")
    dagster_host: str = "127.0.0.1"
    dagster_instance: Path | None = None
    dagster_location: str | None = None
    dagster_port: int = Field(3000, ge=1, le=65535)
    api_host: str = "127.0.0.1"
    api_port: int = Field(8000, ge=1, le=65535)
    api_token: SecretStr | None = None
    api_folders: tuple[Path, ...] = ()
    web_login: SecretStr | None = None
    web_hosts: tuple[str, ...] = ()
    tls_cert_path: Path | None = None
    tls_key_path: Path | None = None
    incomplete_after: timedelta = timedelta(hours=24)

    alert_webhook_url: SecretStr | None = None
    alert_smtp_url: SecretStr | None = None
    alert_email_from: str | None = None
    alert_email_to: tuple[str, ...] = ()
    alert_pending_after: timedelta = timedelta(hours=6)
    alert_silent_after: timedelta = timedelta(days=3)
    alert_digest_at: str | None = Field(None, pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    report_email_to: tuple[str, ...] = ()
    report_webhook_url: SecretStr | None = None
    report_language: Literal["pt", "en"] = "pt"
    prune_after: timedelta = timedelta(days=90)

    _sources: tuple[SourceSettings, ...] = PrivateAttr(default=())

    @field_validator(
        "sftp_host_key_fingerprints", "alert_email_to", "report_email_to", "api_folders",
        "block_on", "web_hosts",
        mode="before",
    )  # fmt: skip
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(v.strip() for v in value.split(",")) if isinstance(value, str) else value

    @field_validator(
        "incomplete_after", "alert_pending_after", "alert_silent_after", "prune_after",
        mode="before",
    )  # fmt: skip
    @classmethod
    def _duration(cls, value: object) -> object:
        return parse_duration(value) if isinstance(value, str) else value

    @field_validator("block_on")
    @classmethod
    def _known_checks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := set(value) - set(NAMES):
            names = ", ".join(sorted(unknown))
            raise ValueError(f"no checks that can block: {names}; those are {', '.join(NAMES)}")
        return value

    @field_validator("api_token")
    @classmethod
    def _sendable(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not re.fullmatch(r"[!-~]+", value.get_secret_value()):
            raise ValueError(
                "it can be sent in a header only if it is of ASCII letters, digits and signs, "
                "without spaces (openssl rand -hex 32)"
            )
        return value

    @field_validator("web_login")
    @classmethod
    def _pairs(cls, value: SecretStr | None) -> SecretStr | None:
        pairs = value.get_secret_value().split(",") if value else ()
        if not all(re.fullmatch(r"\s*[^:\s]+:.+", pair) for pair in pairs):
            raise ValueError("not user:password, or several of them with commas between")
        return value

    @field_validator("after_load", "log_level", "log_format", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @property
    def home(self) -> Path:
        """`SAFT_HOME`, absolute."""
        return self.saft_home.expanduser().absolute()

    @property
    def dagster_home(self) -> Path:
        """The DAGSTER_HOME of everything that `saft` starts, or of the instance that it joins."""
        if self.dagster_instance is not None:
            return self.dagster_instance.expanduser().absolute()
        return self.home / "dagster"

    @property
    def lease(self) -> timedelta:
        """How long a claimed file stays claimed without a sign of life."""
        return timedelta(seconds=self.lease_seconds)

    @property
    def over_rest(self) -> bool:
        """Whether rows go through Supabase's REST API; straight to Postgres is preferred."""
        return self.supabase_url is not None and self.supabase_db_url is None

    @property
    def embedded(self) -> bool:
        """Whether the tables or Dagster's history are in the embedded Postgres."""
        history = self.dagster_db_url or self.dagster_instance
        return not (history and (self.supabase_db_url or self.supabase_url))

    @property
    def sources(self) -> tuple[SourceSettings, ...]:
        """Every SFTP folder: the tables of SOURCES_FILE, in their order, or the only one."""
        return self._sources or (SourceSettings(**dict(self), source=self.address),)

    @property
    def look_interval(self) -> int:
        """Seconds from one look of the sensor to the next: what the most frequent source asks."""
        return min(each.poll_interval_seconds for each in self.sources)

    def source_named(self, name: str) -> SourceSettings | None:
        """The one that the ledger calls so."""
        return next((each for each in self.sources if each.source == name), None)

    def only(self, name: str) -> Settings:
        """The same, with one of the sources. Raises SettingsError if it is none of them."""
        source = self.source_named(name)
        if source is None:
            names = ", ".join(each.source for each in self.sources)
            raise SettingsError(f"{name} is none of the sources: {names}")
        copy = self.model_copy()
        copy._sources = (source,)
        return copy

    def with_sources(self, tables: Mapping[str, Mapping[str, object]]) -> Settings:
        """The sources of tables by name alone, secrets in their keys too. Raises SettingsError."""
        known = set(Settings.model_fields)
        asked = [sources_file.table(n, keys, known, secrets=True) for n, keys in tables.items()]
        copy = self.model_copy()
        copy._sources, problems = sources_of(self, asked)
        if problems:
            raise SettingsError(listing(problems))
        return copy

    def without_limit(self) -> Settings:
        """The same, but every poll takes all that there is."""
        all_of_it = {"max_files_per_batch": 0}
        copy = self.model_copy(update=all_of_it)
        copy._sources = tuple(each.model_copy(update=all_of_it) for each in self._sources)
        return copy

    @property
    def address(self) -> str:
        """`sftp://USER@HOST:PORT/DIR`; an absolute folder has two slashes before it."""
        login = f"{self.sftp_username}@{self.sftp_host}:{self.sftp_port}"
        return f"sftp://{login}/{self.sftp_remote_dir.rstrip('/') or '/'}"

    def batch_size(self, table: str) -> int:
        """Rows a write into `table` (`BATCH_SIZE_*`; customers are written like companies)."""
        sizes = {
            "companies": self.batch_size_companies,
            "customers": self.batch_size_companies,
            "invoices": self.batch_size_invoices,
            "invoice_lines": self.batch_size_lines,
        }
        return sizes.get(table, self.batch_size_links)

    def require_sources(self) -> None:
        """Raises SettingsError: naming every setting that is missing for a server to poll."""
        for each in self.sources:
            each.require_sftp()

    def require_sftp(self) -> SftpConfig:
        """The server to poll.

        Raises:
            SettingsError: naming every SFTP setting that is missing.
        """
        if problems := missing_of_sftp(self):
            raise SettingsError(listing(problems))
        return SftpConfig(
            host=self.sftp_host or "",
            port=self.sftp_port,
            username=self.sftp_username or "",
            password=_reveal(self.sftp_password),
            private_key_path=self.sftp_private_key_path,
            private_key_passphrase=_reveal(self.sftp_private_key_passphrase),
            known_hosts_path=self.sftp_known_hosts_path,
            host_key_fingerprints=self.sftp_host_key_fingerprints,
            timeout=self.sftp_timeout_seconds,
            requests=self.sftp_requests,
        )


class SourceSettings(Settings):
    """The settings as they stand for one SFTP folder.

    `source` is how the ledger calls it: the name of its table, or its address. `companies` are the
    tax numbers that its files may be of; none is any.
    """

    source: str
    companies: tuple[str, ...] = ()

    @field_validator("companies", mode="before")
    @classmethod
    def _tax_numbers(cls, value: object) -> object:
        numbers = [value] if isinstance(value, str | int) else value
        return [str(number) for number in numbers] if isinstance(numbers, list) else numbers

    @field_validator("companies")
    @classmethod
    def _nine_digits(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [number for number in value if not re.fullmatch("[0-9]{9}", number)]:
            raise ValueError(f"no tax numbers of nine digits: {', '.join(wrong)}")
        return value

    @property
    def former_names(self) -> list[str]:
        """How the ledger may have called it before: by address, and once without the login."""
        folder = self.sftp_remote_dir.strip("/") or "."
        names = [self.address, f"sftp://{self.sftp_host}:{self.sftp_port}/{folder}"]
        return [name for name in names if name != self.source]


def sources_of(
    settings: Settings, tables: Iterable[sources_file.SourceTable]
) -> tuple[tuple[SourceSettings, ...], list[str]]:
    """A source of each table, upon what the settings say; what is wrong with any."""
    sources, problems = [], []
    places: dict[str, str] = {}
    for table in tables:
        source, wrong = _source_of(settings, table)
        if source is not None:
            sources.append(source)
            other = places.setdefault(source.address, source.source)
            wrong += [f"is the same folder as [{other}]"] if other != source.source else []
        problems += [f"[{table.name}] {problem}" for problem in wrong]
    return tuple(sources), problems


def _source_of(
    settings: Settings, table: sources_file.SourceTable
) -> tuple[SourceSettings | None, list[str]]:
    try:
        source = SourceSettings(**table.above(dict(settings)))
    except ValidationError as error:
        wrong = [sources_file.key(explained(each)) for each in error.errors()]
        return None, [*table.problems, *wrong]
    missing = [sources_file.key(problem) for problem in missing_of_sftp(source)]
    return source, [*table.problems, *missing]


def listing(problems: list[str]) -> str:
    """What SettingsError says."""
    lines = "\n".join(f"  {p}" for p in problems)
    return f"settings to mend, in the environment or in .env (see .env.example):\n{lines}"


def _reveal(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
