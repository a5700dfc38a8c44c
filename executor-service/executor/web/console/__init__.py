"""The operations console: server-rendered pages over the same API that everyone calls."""

from executor.web.console.pages import blueprint

__all__ = ["blueprint"]
