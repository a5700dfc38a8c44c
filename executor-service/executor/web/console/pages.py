"""The console's pages: thin, over the same functions as the API."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from executor.web.console import access, exception_pages, filters, playbook_pages
from sentinai.problems import NotFound, Problem
from sentinai.web.app import answer_problem

pages = Blueprint(
    "console",
    __name__,
    url_prefix="/console",
    template_folder="templates",
    static_folder="static",
    static_url_path="/assets",
)
access.guard(pages)
filters.register(pages)
pages.add_url_rule("/exceptions", "queue", exception_pages.queue)
pages.add_url_rule("/exceptions/<exception_id>", "exception", exception_pages.exception)
pages.add_url_rule("/playbooks", "playbooks", playbook_pages.playbooks)
pages.add_url_rule("/playbooks/<int:playbook_id>", "playbook", playbook_pages.playbook)


@pages.errorhandler(Problem)
def show_problem(problem: Problem) -> Response:
    """A problem: as a page to people, as a problem document to scripts."""
    if request.method != "GET":
        return answer_problem(problem)
    return Response(render_template("console/problem.html", problem=problem), problem.status)


@pages.get("/")
def home() -> AnyResponse:
    """The console starts with the queue."""
    return redirect(url_for("console.queue"))


@pages.get("/<path:path>")
def not_found(path: str) -> str:
    """Any other path: a page that says so."""
    raise NotFound(f"The console has no page {path}.")
