"""The operations console: server-rendered pages over the same functions as the API."""

from flask import Flask

from executor.bootstrap import Services
from executor.web.console.access import EXTENSION, Console
from executor.web.console.pages import pages
from sentinai.identity import TokenVerifier

__all__ = ["install"]


def install(app: Flask, services: Services) -> None:
    """Add the console to an application."""
    app.extensions[EXTENSION] = Console(services, TokenVerifier(services.settings))
    app.register_blueprint(pages)
