"""What every service serves without a token: health, metrics, its OpenAPI document and an API reference."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template

from sentinai.documents import strict_json
from sentinai.telemetry import metrics_page
from sentinai.web import openapi

_SWAGGER_UI = "vendor/swagger-ui-5.35.0"
# Swagger UI's style sheet has its icons as data: URLs.
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def blueprint(service: Any) -> Blueprint:
    """The pages of a service that need no token."""
    pages = Blueprint(
        "pages", __name__, template_folder="templates", static_folder="static", static_url_path="/assets"
    )
    document = strict_json.dumps(
        openapi.document(service.title, service.description, service.version, service.apis)
    )

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
        return Response(document, mimetype="application/json")

    @pages.get("/docs")
    def docs() -> Response:
        page = Response(render_template("docs.html", title=service.title, swagger_ui=_SWAGGER_UI))
        page.headers["Content-Security-Policy"] = _DOCS_POLICY
        return page

    return pages


def _json(body: Any, status: int = 200) -> Response:
    return Response(strict_json.dumps(body), status, mimetype="application/json")
