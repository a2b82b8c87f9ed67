"""Settings of the server, from environment variables such as ``ROUTING_ENGINE_PORT``."""

from __future__ import annotations

import base64
import binascii
import hashlib
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from routing_engine.errors import InvalidValueError
from routing_engine.validation import problems_of

__all__ = ["Settings", "closing_s", "read_settings"]


class Settings(BaseSettings):
    """Settings of the server.

    Attributes:
        database: SQLAlchemy URL, ``sqlite:///routing.db`` or ``postgresql://…``.
        listen_url: of the same PostgreSQL without the pooler that is in ``database``.
        secret: 32 bytes in base64, by which callers' words, names and numbers are encrypted at
            rest; without it a random one, so that none can be read once the process has ended.
        secret_previous: earlier secrets, separated by commas: what they sealed can be read.
        bootstrap_key: the first key, on an empty database; without it one is made and printed.
        metrics_host, metrics_port: where ``/healthz``, ``/readyz`` and ``/metrics`` are; of
            several workers, each takes the next free port. 0 turns them off.
        encoder: ``default``, ``hashing`` (no model, for tests), or a sentence-transformers model.
        region: whose national numbers are read beside E.164; ``none`` for none.
        store_transcripts: keep what was said, and by whom, after a call has ended.
        retention_days: after as many days what was kept is deleted.
        max_body_bytes, max_upload_bytes, max_rows: of a request, a sheet, and its rows.
        import_bytes, import_cpu_s: memory and processor time of the process of one import.
        rate_per_s, rate_burst: requests of one key; by each worker, or by all together where
            ``rate_limit_url`` names a Redis.
        key_cache_s: seconds that a deleted key may go on working in another worker or node.
        flush_s: seconds after which a decision is stored.
        spool: folder for decisions that the database did not take when the server ended, for the
            next start to store. None for one beside the file of SQLite, or in the temporary folder.
        shutdown_s: seconds after which the server has ended, whatever hangs.
        console: whether ``/console`` is there.
        console_idle_minutes, console_hours: after which a session of the console ends unused, and
            however much it is used.
        log_level: of the structured logs on stderr.
        snapshot, snapshot_position: what ``serve`` hands to its workers.
    """

    model_config = SettingsConfigDict(
        env_prefix="ROUTING_ENGINE_",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    database: str = "sqlite:///routing.db"
    listen_url: str | None = None
    secret: SecretStr | None = None
    secret_previous: SecretStr | None = None
    bootstrap_key: SecretStr | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 9464
    encoder: str = "default"
    region: str | None = "US"
    store_transcripts: bool = False
    retention_days: Annotated[float, Field(gt=0)] = 30.0
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1 << 20
    max_upload_bytes: Annotated[int, Field(ge=1024)] = 64 << 20
    max_rows: Annotated[int, Field(ge=1)] = 1_000_000
    import_bytes: Annotated[int, Field(ge=1 << 28)] = 4 << 30
    import_cpu_s: Annotated[int, Field(ge=1)] = 900
    rate_per_s: Annotated[float, Field(gt=0)] = 200.0
    rate_burst: Annotated[int, Field(ge=1)] = 1000
    rate_limit_url: SecretStr | None = None
    key_cache_s: Annotated[float, Field(ge=0)] = 0.8
    flush_s: Annotated[float, Field(gt=0)] = 0.2
    spool: Path | None = None
    shutdown_s: Annotated[int, Field(ge=1)] = 30
    console: bool = True
    console_idle_minutes: Annotated[float, Field(gt=0)] = 60.0
    console_hours: Annotated[float, Field(gt=0)] = 12.0
    log_level: str = "info"
    snapshot: Path | None = None
    snapshot_position: int = 0

    @field_validator("secret")
    @classmethod
    def _is_32_bytes(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            _decoded(secret)
        return secret

    @field_validator("secret_previous")
    @classmethod
    def _are_32_bytes(cls, secrets: SecretStr | None) -> SecretStr | None:
        if secrets is not None:
            _each_decoded(secrets)
        return secrets

    @field_validator("region")
    @classmethod
    def _is_region(cls, region: str | None) -> str | None:
        if region is None or region.casefold() == "none":
            return None
        import phonenumbers

        if region.upper() not in phonenumbers.SUPPORTED_REGIONS:
            raise ValueError("must be a two-letter country code such as US, or none")
        return region.upper()

    @property
    def console_idle(self) -> timedelta:
        """How long a session of the console lasts without being used."""
        return timedelta(minutes=self.console_idle_minutes)

    @property
    def console_lifetime(self) -> timedelta:
        """How long a session of the console lasts at most."""
        return timedelta(hours=self.console_hours)

    @property
    def spool_folder(self) -> Path:
        """The file in which decisions wait for the next start."""
        if self.spool is not None:
            return self.spool
        if self.database.startswith("sqlite:///"):
            return Path(self.database.removeprefix("sqlite:///") + "-spool")
        place = self.database.rpartition("@")[2]  # without the password
        mark = hashlib.sha256(place.encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"routing-engine-spool-{mark}"

    @property
    def secret_bytes(self) -> bytes | None:
        """The secret as bytes."""
        return None if self.secret is None else _decoded(self.secret)

    @property
    def previous_secrets(self) -> tuple[bytes, ...]:
        """The earlier secrets as bytes."""
        return () if self.secret_previous is None else _each_decoded(self.secret_previous)


def closing_s(settings: Settings) -> float:
    """Seconds of the shutdown in which decisions are stored, once requests have ended."""
    return min(5.0, settings.shutdown_s / 3)


def read_settings(**given: object) -> Settings:
    """Read settings from the environment; arguments that are not None take precedence.

    Raises:
        InvalidValueError: names every variable that is wrong, and not its value.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        problems = problems_of(details, path_of=_variable)
        raise InvalidValueError(what="settings", problems=problems) from None


def _variable(parts: Sequence[int | str]) -> str:
    """Name the environment variable of a setting."""
    return "ROUTING_ENGINE_" + "_".join(map(str, parts)).upper()


def _each_decoded(secrets: SecretStr) -> tuple[bytes, ...]:
    each = secrets.get_secret_value().split(",")
    return tuple(_decoded(SecretStr(secret.strip())) for secret in each)


def _decoded(secret: SecretStr) -> bytes:
    try:
        raw = base64.b64decode(secret.get_secret_value(), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    if len(raw) != 32:
        raise ValueError(
            "must be 32 bytes in base64: "
            "python -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())'"
        )
    return raw
