"""The matcher's WSGI application: ``matcher.app:create_app()``."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask

import matcher
from matcher.bootstrap import Services, assemble
from matcher.web import conditions, match, workbench
from sentinai import settings as sentinai_settings
from sentinai.clock import Clock, utc_now
from sentinai.identity import TokenVerifier
from sentinai.settings import Settings
from sentinai.web import app as web
from sentinai.web.app import Service
from sentinai.web.session import session_identity

APIS = (match.api, conditions.api)
_DESCRIPTION = (
    "Finds the playbook that fits an exception, and explains why. It is stateless: it only reads the catalogue, "
    "and every replica gives the same response to the same request."
)


def create_app(settings: Settings | None = None, clock: Clock = utc_now) -> Flask:
    """The application for the given settings, or for those of the environment.

    Raises:
        SettingsError: a setting is invalid, or there is no key to verify tokens with.
    """
    settings = settings or sentinai_settings.load()
    services = assemble(settings, clock)
    service = Service(
        name="matcher",
        title="SentinAI matcher",
        description=_DESCRIPTION,
        version=matcher.__version__,
        services=services,
        apis=APIS,
        readiness=lambda: _readiness(services),
        session_identity=session_identity(TokenVerifier(settings)),
    )
    app = web.create_app(service, settings)
    workbench.install(app, services)
    return app


def _readiness(services: Services) -> Mapping[str, str]:
    return {"database": services.database.check(), "catalogue": services.catalogues.check()}
