"""Settings of both services: read from ``SENTINAI_*`` variables once, checked at start, passed in.

The fields of :class:`Settings` are the single list of what can be set; the table in the docs is held
against it by a test.
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
_DATABASES = ("sqlite", "postgresql", "postgresql+psycopg")


class SettingsError(ValueError):
    """The environment cannot be run with; the message names every variable that is wrong and the mend."""


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
    """A URL of a database that there is a driver for. What is wrong is said without it: it may hold a password."""
    if urlsplit(url).scheme not in _DATABASES:
        raise ValueError("must begin with sqlite:/// or postgresql+psycopg://")


def _require_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("is no address of a service; it begins with http:// or https://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What can be set, with its default. ``SENTINAI_`` and the field's name in capitals is the variable."""

    database_url: str = _setting(
        "sqlite:///var/sentinai.db",
        "Where state is kept: sqlite:///PATH or postgresql+psycopg://…",
        check=_require_database,
    )
    database_pool_size: int = _setting(8, "Connections a process keeps open", least=1)
    database_timeout_seconds: float = _setting(
        5.0, "How long to wait for a lock or a connection before answering 503", least=0.1
    )
    jwt_algorithm: str = _setting(
        "HS256", "The one algorithm that tokens may be signed with", choices=("HS256", "RS256", "ES256")
    )
    jwt_key_file: str = _setting("", "File of the shared key (HS256) or the private key (PEM) that signs tokens")
    jwt_public_key_file: str = _setting("", "File of the public key: PEM, or a JWKS (RS256, ES256)")
    jwt_audience: str = _setting("sentinai", "The `aud` that a token must have")
    jwt_issuer: str = _setting("sentinai", "The `iss` that a token must have")
    matcher_url: str = _setting(
        "http://127.0.0.1:8081", "Where the executor finds the matcher", check=_require_address
    )
    matcher_timeout_seconds: float = _setting(2.0, "How long one try at the matcher may take", least=0.05)
    matcher_attempts: int = _setting(3, "How often the matcher is tried before giving up", least=1)
    matcher_port: int = _setting(8081, "The port the matcher listens on", least=1, most=_LAST_PORT)
    executor_port: int = _setting(8080, "The port the executor listens on", least=1, most=_LAST_PORT)
    bind_host: str = _setting("127.0.0.1", "The address both services listen on")
    gunicorn_workers: int = _setting(2, "Worker processes of each service", least=1)
    gunicorn_threads: int = _setting(4, "Threads of each worker process", least=1)
    catalogue_cache_tenants: int = _setting(64, "Tenants whose compiled catalogue a matcher keeps", least=1)
    body_limit_bytes: int = _setting(1_048_576, "The largest request body", least=1024)
    batch_body_limit_bytes: int = _setting(16_777_216, "The largest batch body", least=1024)
    tool_mode: str = _setting(
        "log_only",
        "What call_tool does: log_only records, stub posts to the dummy tool",
        choices=("log_only", "stub"),
    )
    executor_url: str = _setting(
        "http://127.0.0.1:8080", "Where the worker finds the dummy tool endpoint", check=_require_address
    )
    webhook_url: str = _setting(
        "", "The one internal address that webhook notifications are posted to", check=_require_address
    )
    worker_period_seconds: float = _setting(2.0, "How often the worker looks for due work", least=0.05)
    worker_metrics_port: int = _setting(
        0, "The port on which a worker shows its metrics; 0 is none", least=0, most=_LAST_PORT
    )
    outbox_attempts: int = _setting(8, "Deliveries tried before an outbox entry is given up", least=1)
    outbox_timeout_seconds: float = _setting(5.0, "How long one delivery may take", least=0.05)
    session_hours: float = _setting(12.0, "How long a console session lasts", least=0.1)
    cookie_secure: bool = _setting(False, "Send the console's cookie over TLS only; true behind TLS")
    log_level: str = _setting("INFO", "What is logged", choices=("DEBUG", "INFO", "WARNING", "ERROR"))


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: a value does not parse or is out of its range; every such one is named.
    """
    environment = os.environ if environment is None else environment
    known = {variable(setting): setting for setting in fields(Settings)}
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for name, setting in known.items():
        if name in environment:
            try:
                values[setting.name] = _parse(setting, environment[name])
            except ValueError as error:
                # Addresses may hold passwords; they are not repeated.
                given = "" if setting.metadata["check"] else f"={environment[name]!r}"
                wrong.append(f"{name}{given}: {error}")
    if wrong:
        raise SettingsError("; ".join(wrong))
    return Settings(**values)


def unknown_variables(environment: Mapping[str, str] | None = None) -> list[str]:
    """``SENTINAI_`` variables that mean nothing here: most likely misspelt, so worth a warning at start."""
    environment = os.environ if environment is None else environment
    known = {variable(setting) for setting in fields(Settings)}
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)


def variable(setting: Field[Any]) -> str:
    """The environment variable of a setting."""
    return PREFIX + setting.name.upper()


def read_key(path: str, purpose: str) -> str:
    """The content of a key file.

    Raises:
        SettingsError: no file is set, or it cannot be read, or it is empty.
    """
    if not path:
        raise SettingsError(f"{purpose} is not set; without it the service does not start")
    try:
        content = Path(path).read_text("utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{purpose}: {path} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{purpose}: {path} is no text; write the key in base64, for one") from error
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
