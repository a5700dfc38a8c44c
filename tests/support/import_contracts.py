"""A contract for import-linter: pure packages, listed by all that they may import."""

from __future__ import annotations

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class AllowedImports(Contract):
    """The ``source_modules`` import each other and the ``allowed_modules``, and nothing else.

    The standard library and other distributions count by their top-level names. What is allowed within the
    project has a list of its own, so that nothing is reached by a detour (``test_import_contracts`` checks that).
    """

    type_name = "allowed_imports"

    source_modules = fields.ListField(subfield=fields.StringField())
    allowed_modules = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Find every import of the sources that is not allowed."""
        allowed = ("__future__", *self.source_modules, *self.allowed_modules)
        importers = {
            module for source in self.source_modules for module in (source, *graph.find_descendants(source))
        }
        refused = [
            (importer, imported)
            for importer in sorted(importers)
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if not any(imported == name or imported.startswith(f"{name}.") for name in allowed)
        ]
        return ContractCheck(kept=not refused, metadata={"refused": refused})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Show each import that is not allowed."""
        for importer, imported in check.metadata["refused"]:
            output.print_error(f"{importer} is not allowed to import {imported}")
