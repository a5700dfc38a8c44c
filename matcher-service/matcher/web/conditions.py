"""``/api/conditions`` and ``/api/operators``: support for authors who write conditions."""

from __future__ import annotations

from typing import Any

from matcher.authoring.evaluation import evaluate_clauses
from matcher.authoring.review import review
from matcher.authoring.ties import Contest, Packs
from matcher.bootstrap import Services
from matcher.catalogue.cache import TenantCatalogue
from matcher.matching import Playbook
from matcher.web.match_inputs import instant
from matcher.web.packs import check_tenant, pack_source
from sentinai import deadline
from sentinai.conditions import Conditions, EvaluationError, check_logic, domain_named, normalise, parse
from sentinai.conditions.evaluation import budget, evaluate
from sentinai.conditions.evaluation.budget import LINT_UNITS, Budget
from sentinai.conditions.evaluation.operator_limits import is_longer
from sentinai.conditions.language import vocabulary
from sentinai.documents import strict_json
from sentinai.problems import InvalidDocument, MalformedJson
from sentinai.web import Answer, Api, Call
from sentinai.web.inputs import require_context

api: Api[Services] = Api("Conditions", "Checking and evaluating conditions while writing them.")
_Call = Call[Services]
_MAX_RESULT = 1_048_576
"""The most characters of a result: a rule may repeat a value hundreds of times."""


@api.operation(
    "POST",
    "/api/conditions/validate",
    answers={200: "validate-response"},
    role="author",
    body="validate-request",
)
def validate_conditions(call: _Call) -> Answer:
    """Check conditions before publishing, against the stored packs and playbooks."""
    document = call.body["conditions"]
    catalogue = call.services.catalogues.current(call.identity.tenant_id)
    stored = catalogue.stored
    policy_pack = (stored.policy_pack.pack or None) if stored.policy_pack else None
    domain = call.body.get("domain") or domain_named(document) or (policy_pack or {}).get("domain_name")
    domain_pack = stored.domain_packs.get(domain or "")
    name = call.body.get("name")
    current = next((each for each in catalogue.compiled.playbooks if each.name == name), None)
    with budget.spending(Budget(LINT_UNITS, check=deadline.pause)):
        found = review(
            document,
            domain_pack=(domain_pack.pack or None) if domain_pack else None,
            policy_pack=policy_pack,
            domains=sorted(stored.domain_packs),
            others=catalogue.compiled.playbooks,
            name=name,
            published=current.origin if current and _has(current, document) else None,
            contest=_contest(catalogue),
        )
    return Answer(found.to_json())


def _has(current: Playbook, document: Any) -> bool:
    """Whether a playbook has these conditions already, so that it would keep its rank."""
    try:
        return strict_json.same(
            normalise(document), {"logic": current.conditions.rule, "priority": current.conditions.priority}
        )
    except InvalidDocument:
        return False


def _contest(catalogue: TenantCatalogue) -> Contest:
    def packs_of(domain: str | None) -> Packs:
        domain_pack, policy_pack = catalogue.stored.domain_packs.get(domain or ""), catalogue.stored.policy_pack
        return Packs(
            domain_pack.pack if domain_pack else {},
            policy_pack.pack if policy_pack else {},
            catalogue.tag_rules,
            catalogue.policy(domain),
        )

    return Contest(catalogue.compiled, packs_of)


@api.operation(
    "POST",
    "/api/conditions/evaluate",
    answers={200: "evaluate-response"},
    role="author",
    body="evaluate-request",
)
def evaluate_conditions(call: _Call) -> Answer:
    """Evaluate conditions on one exception, clause by clause; or a bare rule on any data."""
    if "logic" in call.body:
        return Answer(_evaluate_rule(call.body["logic"], call.body.get("data")))
    with budget.spending(Budget(check=deadline.pause)):
        return Answer(_evaluate_conditions(call))


@api.operation("GET", "/api/operators", answers={200: "operators"})
def list_operators(call: _Call) -> Answer:
    """List the operators, predicates and context paths of the condition language."""
    return Answer(vocabulary.description())


def _evaluate_rule(rule: Any, data: Any) -> dict[str, Any]:
    wrong = check_logic(rule, "/logic")
    if wrong:
        raise InvalidDocument.about("The rule is not valid", wrong)
    try:
        result = evaluate.apply(rule, data)
    except EvaluationError as error:
        return {"result": None, "error": {"message": str(error)}}
    reason = _why_not_json(result)
    return {"result": None, "error": {"message": reason}} if reason else {"result": result}


def _why_not_json(result: Any) -> str | None:
    """Why strict JSON cannot carry a result: a rule may make it too large or too deep."""
    if is_longer(result, _MAX_RESULT):
        return f"The result has more than {_MAX_RESULT:,} characters."
    try:
        strict_json.loads(strict_json.dumps(result).encode())
    except RecursionError:
        return "The result is nested too deeply."
    except ValueError:
        return "The result contains a number beyond the range of a double."
    except MalformedJson as problem:
        return f"The result is not valid JSON. {problem.detail}"
    return None


def _evaluate_conditions(call: _Call) -> dict[str, Any]:
    exception = call.body["exception"]
    check_tenant(call.identity, exception, "/exception")
    require_context(exception, call.services.settings.context_limit_bytes, "/exception")
    conditions = _parsed(call.body["conditions"])
    packs = pack_source(call.services, call.identity, call.body, needs_catalogue=False)
    as_of = instant(call.services, call.body)
    context = packs.of(exception.get("domain")).context(exception, call.identity.tenant_id, as_of)
    return {**evaluate_clauses(conditions, context), "context": context}


def _parsed(document: Any) -> Conditions:
    try:
        return parse(document)
    except InvalidDocument as problem:
        raise problem.under("/conditions") from None
