"""The console's pages."""

from __future__ import annotations

from flask import Blueprint

from executor.services import Services


def blueprint(services: Services) -> Blueprint:
    """The console's pages."""
    return Blueprint("console", __name__)
