"""The matching core: a compiled catalogue in, an exception's context in, a ranked choice with reasons out."""

from matcher.matching.compiled_catalogue import Catalogue, compile_catalogue
from matcher.matching.matcher import match
from matcher.matching.model import MatchResult, Playbook

__all__ = ["Catalogue", "MatchResult", "Playbook", "compile_catalogue", "match"]
