"""What every service shows without a token: health, readiness, metrics, its OpenAPI document and a page of it."""

from __future__ import annotations

from html import escape
from typing import Any

from flask import Blueprint, Response, render_template

from sentinai.documents import strict_json
from sentinai.telemetry import metrics_page
from sentinai.web import openapi

_DOCS_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"


def blueprint(service: Any) -> Blueprint:
    """The token-free pages of a service."""
    pages = Blueprint(
        "pages", __name__, template_folder="templates", static_folder="static", static_url_path="/assets"
    )
    document = openapi.document(service.title, service.description, service.version, service.apis)
    encoded = strict_json.dumps(document)

    @pages.get("/healthz")
    def healthz() -> Response:
        return _json({"status": "ok"})

    @pages.get("/readyz")
    def readyz() -> Response:
        checks = dict(service.readiness())
        ready = all(state == "ok" for state in checks.values())
        return _json({"status": "ok" if ready else "unavailable", "checks": checks}, 200 if ready else 503)

    @pages.get("/metrics")
    def metrics() -> Response:
        return Response(metrics_page(), mimetype="text/plain; version=0.0.4")

    @pages.get("/openapi.json")
    def openapi_document() -> Response:
        return Response(encoded, mimetype="application/json")

    @pages.get("/docs")
    def docs() -> Response:
        page = Response(render_template("docs.html", document=document, escape=escape))
        page.headers["Content-Security-Policy"] = _DOCS_POLICY
        return page

    return pages


def _json(body: Any, status: int = 200) -> Response:
    return Response(strict_json.dumps(body), status, mimetype="application/json")
