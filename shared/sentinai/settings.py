"""Settings of both services: read from ``SENTINAI_*`` variables once, validated at start, passed in.

The fields of :class:`Settings` are the only list of settings; a test compares the table in the docs with it.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PREFIX = "SENTINAI_"
_LAST_PORT = 65_535
_AROUND_CONTEXT_BYTES = 16_384
"""More than all other attributes of an exception can take in a request to match it."""
_DATABASES = ("sqlite", "postgresql", "postgresql+psycopg")

PASSWORD_VARIABLES = tuple(
    f"{PREFIX}{role}_PASSWORD" for role in ("POSTGRES", "OWNER", "EXECUTOR", "MATCHER", "BACKUP")
)
"""Variables of the deployment files: passwords of database roles, which no service reads."""


class SettingsError(ValueError):
    """The environment is invalid; the message names every invalid variable and what is expected."""


def _setting(
    default: Any,
    meaning: str,
    *,
    choices: tuple[str, ...] = (),
    least: float | None = None,
    most: float = math.inf,
    check: Callable[[str], None] | None = None,
) -> Any:
    bounds = {"choices": choices, "least": least, "most": most, "check": check}
    return field(default=default, metadata={"meaning": meaning, **bounds})


def _require_database(url: str) -> None:
    """Check that there is a driver for the URL. The message does not repeat it: it may hold a password."""
    if urlsplit(url).scheme not in _DATABASES:
        raise ValueError("must start with sqlite:/// or postgresql+psycopg://")


def _require_service_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("is not a valid service URL; it must start with http:// or https:// and name a host")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting with its default. Its variable is ``SENTINAI_`` followed by the field's name in capitals."""

    database_url: str = _setting(
        "sqlite:///var/sentinai.db",
        "URL of the database: sqlite:///PATH or postgresql+psycopg://…",
        check=_require_database,
    )
    database_pool_size: int = _setting(8, "Database connections that each process keeps open", least=1)
    database_timeout_seconds: float = _setting(
        5.0, "Seconds to wait for a lock or a connection before answering 503", least=0.1
    )
    database_prepared_statements: bool = _setting(
        True, "Let PostgreSQL prepare repeated statements; set it to false behind PgBouncer in transaction mode"
    )
    jwt_algorithm: str = _setting(
        "HS256", "The only accepted signature algorithm of tokens", choices=("HS256", "RS256", "ES256")
    )
    jwt_key_file: str = _setting(
        "", "File with the key that signs tokens: a shared key (HS256) or a private key in PEM format"
    )
    jwt_public_key_file: str = _setting("", "File with the public key (RS256, ES256): PEM or JWKS")
    jwt_audience: str = _setting("sentinai", "Required `aud` claim of tokens")
    jwt_issuer: str = _setting("sentinai", "Required `iss` claim of tokens")
    matcher_url: str = _setting(
        "http://127.0.0.1:8081", "URL at which the executor calls the matcher", check=_require_service_url
    )
    matcher_timeout_seconds: float = _setting(
        2.0, "Timeout in seconds of one attempt to call the matcher", least=0.05
    )
    matcher_attempts: int = _setting(3, "Attempts to call the matcher before giving up", least=1)
    matcher_port: int = _setting(8081, "Port on which the matcher listens", least=1, most=_LAST_PORT)
    executor_port: int = _setting(8080, "Port on which the executor listens", least=1, most=_LAST_PORT)
    bind_host: str = _setting("127.0.0.1", "Address on which both services listen")
    gunicorn_workers: int = _setting(2, "Worker processes of each service", least=1)
    gunicorn_threads: int = _setting(4, "Calls that each worker process runs at the same time", least=1)
    catalogue_cache_tenants: int = _setting(
        64, "Tenants whose compiled catalogue a matcher process caches", least=1
    )
    body_limit_bytes: int = _setting(
        1_048_576, "Maximum size of a request body in bytes; at least 16384 more than the context's", least=1024
    )
    batch_body_limit_bytes: int = _setting(16_777_216, "Maximum size of a batch request body in bytes", least=1024)
    context_limit_bytes: int = _setting(
        65_536,
        "Maximum size of an exception's normalized_context in bytes; the same for both services",
        least=1024,
    )
    tool_mode: str = _setting(
        "log_only",
        "What call_tool does: log_only records the call, stub also posts it to the dummy tool",
        choices=("log_only", "stub"),
    )
    executor_url: str = _setting(
        "http://127.0.0.1:8080",
        "URL of the executor: used in links and by the worker to call the dummy tool",
        check=_require_service_url,
    )
    webhook_url: str = _setting("", "URL to which webhook notifications are posted", check=_require_service_url)
    worker_period_seconds: float = _setting(2.0, "Seconds between the worker's checks for due work", least=0.05)
    worker_metrics_port: int = _setting(
        0, "Port on which a worker serves its metrics; 0 disables it", least=0, most=_LAST_PORT
    )
    outbox_hours: float = _setting(
        24.0, "Hours for which delivery is attempted before an outbox entry is marked as failed", least=0
    )
    outbox_retention_days: float = _setting(30.0, "Days after which a delivered outbox entry is removed", least=0)
    outbox_timeout_seconds: float = _setting(5.0, "Timeout in seconds of one delivery attempt", least=0.05)
    session_hours: float = _setting(12.0, "Lifetime of a console session in hours", least=0.1)
    cookie_secure: bool = _setting(False, "Send the session cookie over TLS only; set it to true behind TLS")
    log_level: str = _setting(
        "INFO", "Minimum level of log messages", choices=("DEBUG", "INFO", "WARNING", "ERROR")
    )


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: values do not parse or are out of range; the message names all of them.
    """
    environment = os.environ if environment is None else environment
    known = {variable(setting): setting for setting in fields(Settings)}
    values: dict[str, Any] = {}
    errors: list[str] = []
    for name, setting in known.items():
        if name in environment:
            try:
                values[setting.name] = _parse(setting, environment[name])
            except ValueError as error:
                # URLs may hold passwords, so the message does not repeat them.
                given = "" if setting.metadata["check"] else f"={environment[name]!r}"
                errors.append(f"{name}{given}: {error}")
    if errors:
        raise SettingsError("; ".join(errors))
    loaded = Settings(**values)
    _require_room_around_context(loaded)
    return loaded


def _require_room_around_context(loaded: Settings) -> None:
    if loaded.body_limit_bytes < loaded.context_limit_bytes + _AROUND_CONTEXT_BYTES:
        raise SettingsError(
            f"SENTINAI_BODY_LIMIT_BYTES={loaded.body_limit_bytes}: must be at least {_AROUND_CONTEXT_BYTES} more "
            f"than SENTINAI_CONTEXT_LIMIT_BYTES ({loaded.context_limit_bytes}), for the rest of an exception"
        )


def unknown_variables(environment: Mapping[str, str] | None = None) -> list[str]:
    """``SENTINAI_`` variables that are not documented: probably misspelt, so worth a warning at start."""
    environment = os.environ if environment is None else environment
    known = {*PASSWORD_VARIABLES, *map(variable, fields(Settings))}
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)


def variable(setting: Field[Any]) -> str:
    """The environment variable of a setting."""
    return PREFIX + setting.name.upper()


def read_key(path: str, purpose: str) -> str:
    """The content of a key file.

    Raises:
        SettingsError: no file is set, it cannot be read, or it is empty.
    """
    if not path:
        raise SettingsError(f"{purpose} is not set; it is required to start")
    try:
        content = Path(path).read_text("utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{purpose}: {path} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{purpose}: {path} is not a text file; write the key in base64, for example"
        ) from error
    if not content:
        raise SettingsError(f"{purpose}: {path} is empty")
    return content


def _parse(setting: Field[Any], text: str) -> Any:
    value = _PARSERS[type(setting.default)](text)
    bounds = setting.metadata
    if bounds["choices"] and value not in bounds["choices"]:
        raise ValueError(f"must be one of {', '.join(bounds['choices'])}")
    if bounds["least"] is not None and not bounds["least"] <= value:
        raise ValueError(f"must be at least {bounds['least']}")
    if bounds["least"] is not None and not value <= bounds["most"]:
        raise ValueError(f"must be at most {bounds['most']}")
    if bounds["check"] and value != setting.default:
        bounds["check"](value)
    return value


def _parse_bool(text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if text.lower() not in words:
        raise ValueError("must be true or false")
    return words[text.lower()]


def _parse_whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("must be a whole number") from None


def _parse_number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError("must be a number") from None
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


_PARSERS: Mapping[type, Callable[[str], Any]] = {
    str: str,
    bool: _parse_bool,
    int: _parse_whole,
    float: _parse_number,
}
