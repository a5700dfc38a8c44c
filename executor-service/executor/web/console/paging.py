"""Links between the pages of a list."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import request


def page_links(cursor: str | None) -> dict[str, str | None]:
    """The addresses of the first and the next page; ``cursor`` is where the next one starts.

    Either is None if it would lead nowhere: on the first page, and on the last.
    """
    return {
        "first_href": _page_href(None) if request.args.get("cursor") else None,
        "next_href": _page_href(cursor) if cursor else None,
    }


def _page_href(cursor: str | None) -> str:
    query = {**request.args.to_dict(), "cursor": cursor}
    return f"{request.path}?{urlencode({name: value for name, value in query.items() if value})}"
