"""The rule workbench: a page where authors write conditions and see their effect at once."""

from flask import Flask

from matcher.bootstrap import Services
from matcher.web.workbench.access import EXTENSION, Workbench
from matcher.web.workbench.pages import pages
from sentinai.identity import TokenVerifier

__all__ = ["install"]


def install(app: Flask, services: Services) -> None:
    """Add the workbench to an application."""
    app.extensions[EXTENSION] = Workbench(services, TokenVerifier(services.settings))
    app.register_blueprint(pages)
