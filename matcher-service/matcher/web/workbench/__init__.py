"""The rule workbench: a page on which authors write conditions and see at once what they would do."""

from flask import Flask

from matcher.bootstrap import Services
from matcher.web.workbench.access import EXTENSION, Workbench
from matcher.web.workbench.pages import pages
from sentinai.identity import TokenVerifier

__all__ = ["install"]


def install(app: Flask, services: Services) -> None:
    """Give an application the workbench."""
    app.extensions[EXTENSION] = Workbench(services, TokenVerifier(services.settings))
    app.register_blueprint(pages)
