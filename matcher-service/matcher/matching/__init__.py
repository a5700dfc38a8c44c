"""The matching core: a compiled catalogue in, an exception's context in, a ranked choice with reasons out."""

from matcher.matching.applied_policy import AppliedPolicy
from matcher.matching.compiled_catalogue import Catalogue, compile_catalogue
from matcher.matching.matcher import match
from matcher.matching.model import MatchError, MatchResult, Playbook

__all__ = ["AppliedPolicy", "Catalogue", "MatchError", "MatchResult", "Playbook", "compile_catalogue", "match"]
