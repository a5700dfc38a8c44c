"""json-logic-qubit with the product's operators: the only engine that evaluates rules.

The library keeps its operators in a global table of its module. Here the module is loaded a second time, under no
name: its table has our bounded operators, and nothing that anyone imports or registers can change that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

from sentinai.conditions.evaluation.glob import glob
from sentinai.conditions.evaluation.operator_limits import BOUNDED, charge_iteration, charge_names
from sentinai.conditions.evaluation.readings import READINGS
from sentinai.conditions.language.operators import ITERATORS

FUNCTIONS: Mapping[str, Callable[..., Any]] = {**BOUNDED, **READINGS, "glob": glob}
"""The operators that are not the library's own functions."""


@cache
def engine() -> ModuleType:
    """The library, with ``jsonLogic``, ``is_logic`` and the table ``operations``."""
    spec = find_spec("json_logic")
    assert spec is not None, "json-logic-qubit is not installed"
    assert spec.loader is not None, "json-logic-qubit has no source"
    library = module_from_spec(spec)
    spec.loader.exec_module(library)
    # Operators that get the data, or rules that are not evaluated yet, are in tables of their own.
    tables = vars(library)
    lookups, iterators = tables["_data_operations"], tables["_scoped_operations"]
    for name in ("missing", "missing_some"):
        lookups[name] = _charged_lookup(lookups[name])
    for name in ITERATORS:
        iterators[name] = _charged_iterator(iterators[name], library.jsonLogic)
    for name, function in FUNCTIONS.items():
        library.add_operation(name, function)
    return library


def _charged_lookup(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(data: Any, *given: Any) -> Any:
        for each in given:
            charge_names(each)
        return function(data, *given)

    return run


def _charged_iterator(function: Callable[..., Any], evaluate: Callable[..., Any]) -> Callable[..., Any]:
    def run(data: Any, *given: Any) -> Any:
        if len(given) < 2:
            return function(data, *given)
        source, body, *rest = given
        items = evaluate(source, data)
        charge_iteration(items, body)
        # The list is read as data: the library would take items that look like rules for rules.
        return function(items or {}, {"var": ""}, body, *rest)

    return run


def run_library(rule: Any, data: Any) -> Any:
    """The library's result for a rule; raises what the library raises."""
    return engine().jsonLogic(rule, data)
