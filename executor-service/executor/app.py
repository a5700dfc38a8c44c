"""The executor's WSGI application: ``executor.app:create_app()``."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask

import executor
from executor.bootstrap import Services, assemble
from executor.store.migrations import runner
from executor.web import analytics, console, deliveries, events, exceptions, playbook, publishing, tools
from sentinai import settings as sentinai_settings
from sentinai.clock import Clock, utc_now
from sentinai.identity import TokenVerifier, require_signing_key
from sentinai.settings import Settings
from sentinai.web import app as web
from sentinai.web.app import Service
from sentinai.web.session import session_identity

APIS = (exceptions.api, playbook.api, events.api, deliveries.api, publishing.api, analytics.api, tools.api)
_DESCRIPTION = (
    "Manages exceptions, the progress of their playbooks, the actions of steps and the append-only event log. "
    "Gets recommendations from the matcher."
)


def create_app(settings: Settings | None = None, clock: Clock = utc_now) -> Flask:
    """Create the application from the given settings, or from the environment.

    Raises:
        SettingsError: a setting is invalid, or there is no key to verify or to sign tokens with.
    """
    settings = settings or sentinai_settings.load()
    require_signing_key(settings)
    services = assemble(settings, clock)
    service = Service(
        name="executor",
        title="SentinAI executor",
        description=_DESCRIPTION,
        version=executor.__version__,
        services=services,
        apis=APIS,
        readiness=lambda: _readiness(services),
        session_identity=session_identity(TokenVerifier(settings)),
    )
    app = web.create_app(service, settings)
    console.install(app, services)
    return app


def _readiness(services: Services) -> Mapping[str, str]:
    return {
        "database": services.database.check(writes=True),
        "migrations": runner.state(services.database),
        "matcher": services.matcher.is_ready(),
    }
