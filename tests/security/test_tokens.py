"""Tokens that are forged, stale, meant for another place, or say more than they may."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.support.casework import AGENT, PERSON, Casework, note, step_path
from tests.support.faults import saying
from tests.support.threaded import Threaded, serving

from executor.app import create_app
from executor.matcher_client import HttpMatcher
from executor.web.console.links import PURPOSE, sign_in_link
from matcher.app import create_app as create_matcher
from sentinai.exception_fields import RULE_FIELDS
from sentinai.identity import TokenVerifier, mint_token
from sentinai.problems import InvalidToken, MatcherUnavailable
from sentinai.settings import Settings, SettingsError

Forge = Callable[[dict[str, Any], str], str]


def _unsigned(claims: dict[str, Any], algorithm: str = "none") -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": algorithm, "typ": "JWT"}, claims)]
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts).decode() + "."


def _changed(claims: dict[str, Any], key: str) -> str:
    header, _, signature = jwt.encode(claims, key, "HS256").split(".")
    stolen = json.dumps({**claims, "tenant_id": "another"}).encode()
    return f"{header}.{base64.urlsafe_b64encode(stolen).rstrip(b'=').decode()}.{signature}"


def _with(**changes: Any) -> Forge:
    def forge(claims: dict[str, Any], key: str) -> str:
        kept = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return jwt.encode(kept, key, "HS256")

    return forge


FORGED: dict[str, Forge] = {
    "unsigned": lambda claims, _: _unsigned(claims),
    "unsigned in capitals": lambda claims, _: _unsigned(claims, "NONE"),
    "signature cut off": lambda claims, key: jwt.encode(claims, key, "HS256").rpartition(".")[0] + ".",
    "content changed": _changed,
    "another key": lambda claims, _: jwt.encode(claims, "x" * 48, "HS256"),
    "empty key": lambda claims, _: _unsigned(claims, "HS256"),
    "another algorithm": lambda claims, key: jwt.encode(claims, key, "HS512"),
    "another audience": _with(aud="elsewhere"),
    "another issuer": _with(iss="elsewhere"),
    "no audience": _with(aud=None),
    "no issuer": _with(iss=None),
    "no expiry": _with(exp=None),
    "no subject": _with(sub=None),
    "no tenant": _with(tenant_id=None),
    "a list of tenants": _with(tenant_id=["a", "b"]),
    "a tenant of odd characters": _with(tenant_id="a' OR 1=1"),
    "an unknown kind of actor": _with(actor_type="deity"),
    "no kind of actor": _with(actor_type=None),
    "roles that are no list": _with(roles="admin"),
    "acting for no list": _with(may_act_for="human"),
    "not valid yet": _with(nbf=time.time() + 3600),
    "another purpose": _with(purpose="console-sign-in"),
    "three words": lambda _c, _k: "a.b.c",
    "not even that": lambda _c, _k: "\u00e9\u00e9",
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_token_opens_neither_service(work: Casework, pair: Threaded, forged: str):
    key = Path(pair.settings.jwt_key_file).read_text()
    good = pair.token(work.tenant_id)
    claims = jwt.decode(good, key, ["HS256"], audience=pair.settings.jwt_audience)
    token = FORGED[forged](claims, key)
    for url, path in ((pair.urls["executor"], "/api/exceptions"), (pair.urls["matcher"], "/api/operators")):
        headers = {"Authorization": f"Bearer {token}".encode()}
        answer = requests.get(url + path, headers=headers, timeout=20)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
        assert requests.get(url + path, headers={"Authorization": f"Bearer {good}"}, timeout=20).ok


def test_an_expired_token_is_reported_as_expired(work: Casework, pair: Threaded):
    for seconds in (-61, -10_000_000):
        stale = pair.client(work.tenant_id, lifetime_seconds=seconds)
        stale.problem(401, "expired_token", "GET", "/api/exceptions")


@pytest.mark.parametrize("seconds", [-30, 30])
def test_clocks_that_differ_by_less_than_a_minute_do_not_matter(work: Casework, pair: Threaded, seconds: int):
    signed_elsewhere = time.time() + seconds
    for lifetime, nbf in ((1, None), (3600, int(signed_elsewhere))):
        claims = {"now": signed_elsewhere, "lifetime_seconds": lifetime, **({"nbf": nbf} if nbf else {})}
        pair.client(work.tenant_id, **claims).ok("GET", "/api/exceptions")


def test_a_sign_in_link_is_used_once_even_in_the_leeway(work: Casework, pair: Threaded):
    """Its use is remembered for as long as it is accepted."""
    before = pair.clock()
    pair.clock.set(datetime.now(UTC))
    token = mint_token(
        pair.settings,
        subject="kim",
        tenant_id=work.tenant_id,
        roles=["viewer"],
        lifetime_seconds=-20,
        jti="late",
        purpose=PURPOSE,
    )
    url = f"{pair.urls['executor']}/console/session"
    statuses = [requests.post(url, json={"token": token}, timeout=20).status_code for _ in range(2)]
    pair.clock.set(before)
    assert statuses == [200, 401]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "{own}"}, 200),
        ({"Origin": "https://desk.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://a-proxy.example"}, 200),
        ({"Sec-Fetch-Site": "same-site", "Origin": "{own}"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_no_page_of_another_site_signs_anybody_in(
    work: Casework, pair: Threaded, headers: dict[str, str], status: int
):
    own = pair.urls["executor"]
    link = sign_in_link(pair.settings, tenant=work.tenant_id, subject="kim", roles=["viewer"]).rpartition("#")[2]
    sent = {name: value.format(own=own) for name, value in headers.items()}
    answer = requests.post(f"{own}/console/session", json={"token": link}, headers=sent, timeout=20)
    assert answer.status_code == status
    assert ("Set-Cookie" in answer.headers) == (status == 200)
    if status == 403:  # The link has not been used up.
        assert requests.post(f"{own}/console/session", json={"token": link}, timeout=20).status_code == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_signing_in_reads_16_kib_at_most(work: Casework, pair: Threaded, chunked: bool):
    """A link that works when it is alone in the body does not with 16 KiB more, declared or not."""
    link = sign_in_link(pair.settings, tenant=work.tenant_id, subject="kim", roles=["viewer"]).rpartition("#")[2]
    url = f"{pair.urls['executor']}/console/session"
    body = json.dumps({"token": link}).encode()
    large = body + b" " * 16_384
    refused = requests.post(url, data=iter([large]) if chunked else large, timeout=20)
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
    assert requests.post(url, data=body, timeout=20).ok


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_after_a_clock_is_set_the_executor_signs_its_calls_anew(
    work: Casework, pair: Threaded, monkeypatch: pytest.MonkeyPatch, seconds: int
):
    tokens: list[str] = []

    def record(environ: dict[str, Any], start_response: Any) -> Any:
        tokens.append(environ["HTTP_AUTHORIZATION"].partition(" ")[2])
        return saying("{}", 400)(environ, start_response)

    exception = dict.fromkeys(RULE_FIELDS) | {"exception_id": "EX-1"}
    with serving(record) as url:
        matcher = HttpMatcher(replace(pair.settings, matcher_url=url))
        real = time.time
        for shift in (0, seconds):
            monkeypatch.setattr(time, "time", lambda shift=shift: real() + shift)
            with pytest.raises(MatcherUnavailable):
                matcher.match(work.tenant_id, exception, pair.clock(), 1)
            claims = jwt.decode(tokens[-1], options={"verify_signature": False})
            assert claims["iat"] - 60 <= time.time() < claims["exp"]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "bearer:x"])
def test_a_request_without_a_bearer_token_is_refused(pair: Threaded, header: str):
    headers = {"Authorization": header}
    answer = requests.get(f"{pair.urls['executor']}/api/exceptions", headers=headers, timeout=20)
    assert (answer.status_code, answer.json()["code"]) == (401, "missing_token")


@pytest.mark.parametrize(
    "claims",
    [
        {"may_act_for": []},
        {"may_act_for": ["agent"]},
        {"may_act_for": ["HUMAN", "person", "*"]},
        {"roles": ["operator"], "human": True},
    ],
)
def test_an_agent_is_never_taken_for_a_person(work: Casework, claims: dict[str, Any]):
    work.publish("One", [note(requires_approval=True)])
    exception_id = work.create_exception()
    agent = work.acting(AGENT, "admin", **{name: value for name, value in claims.items() if name != "roles"})
    agent.problem(403, "actor_mismatch", "POST", step_path(exception_id, 1), PERSON)
    agent.problem(403, "human_required", "POST", step_path(exception_id, 1), AGENT)
    assert work.state(exception_id)["progress"]["done"] == 0


def test_a_sign_in_link_is_good_for_signing_in_once_and_for_nothing_else(work: Casework, pair: Threaded):
    pair.clock.set(datetime.now(UTC))  # what a token is used up until is told by the real time
    link = sign_in_link(pair.settings, tenant=work.tenant_id, subject="noor", roles=["operator"])
    token = link.partition("#")[2]
    base = pair.urls["executor"]
    bearer = requests.get(f"{base}/api/exceptions", headers={"Authorization": f"Bearer {token}"}, timeout=20)
    assert bearer.json()["code"] == "invalid_token"
    cookie = requests.get(f"{base}/api/exceptions", cookies={"sentinai_session": token}, timeout=20)
    assert cookie.json()["code"] == "invalid_token"
    first, second = (requests.post(f"{base}/console/session", json={"token": token}, timeout=20) for _ in range(2))
    assert first.ok
    assert second.status_code == 401
    flags = first.headers["Set-Cookie"]
    assert "HttpOnly" in flags
    assert "SameSite=Strict" in flags
    plain = pair.token(work.tenant_id)
    assert requests.post(f"{base}/console/session", json={"token": plain}, timeout=20).status_code == 401


def test_a_browser_session_changes_nothing_without_its_second_token(work: Casework, pair: Threaded):
    exception_id = work.create_exception()
    base, cookies = pair.urls["executor"], {"sentinai_session": pair.token(work.tenant_id)}
    url = f"{base}/api/exceptions/{exception_id}/comments"
    for headers in ({}, {"X-CSRF-Token": "guess"}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "gu\xe9ss"}):
        answer = requests.post(url, json={"text": "x"}, cookies=cookies, headers=headers, timeout=20)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert work.events(exception_id, "CommentAdded") == []


ODD_CLAIMS: dict[str, list[Any]] = {
    "exp": ["soon", "4102444800", [], {}, True, -1, float("inf"), float("nan"), 10**30, 1e300],
    "nbf": ["soon", [], 10**12, float("inf")],
    "iat": ["once", [], float("nan")],
    "aud": [[], ["elsewhere"], 5, {}, [5]],
    "iss": ["", 5, [], ["sentinai"]],
    "sub": ["", 5, [], "x" * 129, "a\nb", "\x00", "é"],
    "tenant_id": ["", 5, [], {}, "a/b", "a b", "\x00", "x" * 129, "..", "-a", "é"],
    "roles": ["admin", 5, {}, [5], [None], [["admin"]]],
    "actor_type": ["", "person", "HUMAN", 5, [], ["human"], {}],
    "may_act_for": ["human", 5, {}, [5], [None], [["human"]]],
    "jti": [5, [], {}, "", "\x00", "x" * 129],
    "purpose": [5, [], {}, "", "console-sign-in"],
}


@pytest.mark.parametrize(
    ("claim", "value"), [(claim, value) for claim in ODD_CLAIMS for value in ODD_CLAIMS[claim]]
)
def test_an_invalid_claim_is_refused_even_if_signed(work: Casework, pair: Threaded, claim: str, value: Any):
    claims = jwt.decode(pair.token(work.tenant_id), options={"verify_signature": False})
    key = Path(pair.settings.jwt_key_file or "").read_text()
    # Past jwt.encode, which would not sign some of these.
    token = jwt.PyJWS().encode(json.dumps({**claims, claim: value}).encode(), key, "HS256")
    for service, path in (("executor", "/api/exceptions"), ("matcher", "/api/operators")):
        own = {"Authorization": f"Bearer {token}"}
        refused = requests.get(f"{pair.urls[service]}{path}", headers=own, timeout=20)
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_token")


@pytest.mark.parametrize("claim", ["exp", "aud", "iss", "sub", "tenant_id", "actor_type"])
def test_a_claim_that_is_missing_is_missed(work: Casework, pair: Threaded, claim: str):
    claims = jwt.decode(pair.token(work.tenant_id), options={"verify_signature": False})
    del claims[claim]
    token = jwt.encode(claims, Path(pair.settings.jwt_key_file or "").read_text(), "HS256")
    refused = requests.get(
        f"{pair.urls['executor']}/api/exceptions", headers={"Authorization": f"Bearer {token}"}, timeout=20
    )
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_token")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_public_key_cannot_sign(tmp_path: Path, pair: Threaded, work: Casework, algorithm: str):
    settings = _asymmetric(tmp_path, pair.settings, algorithm)
    claims = {"subject": "noor", "tenant_id": work.tenant_id, "roles": ["viewer"]}
    token = mint_token(settings, **claims)
    public = Path(settings.jwt_public_key_file).read_bytes()
    with serving(create_app(settings)) as url:
        answer = requests.get(f"{url}/api/exceptions", headers={"Authorization": f"Bearer {token}"}, timeout=20)
        assert answer.ok
    payload = jwt.decode(token, options={"verify_signature": False})
    verifier = TokenVerifier(settings)
    for forged in (_hs256_by_hand(payload, public), _unsigned(payload), pair.token(work.tenant_id)):
        with pytest.raises(InvalidToken):
            verifier.verify(forged)


def _asymmetric(folder: Path, settings: Settings, algorithm: str) -> Settings:
    is_rsa = algorithm == "RS256"
    key = rsa.generate_private_key(65537, 2048) if is_rsa else ec.generate_private_key(ec.SECP256R1())
    private, public = folder / "private.pem", folder / "public.pem"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    files = {"jwt_key_file": str(private), "jwt_public_key_file": str(public)}
    return replace(settings, jwt_algorithm=algorithm, **files)


def _hs256_by_hand(claims: dict[str, Any], key: bytes) -> str:
    """The library refuses to sign with a public key, so an attacker would not use it."""
    signed = _unsigned(claims, "HS256").rstrip(".")
    signature = hmac.new(key, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@pytest.mark.parametrize("content", [None, "", "short", "   "])
def test_without_a_proper_key_a_service_does_not_start(tmp_path: Path, pair: Threaded, content: str | None):
    key = tmp_path / "key"
    if content is not None:
        key.write_text(content)
    with pytest.raises(SettingsError):
        create_app(replace(pair.settings, jwt_key_file=str(key)))
    with pytest.raises(SettingsError):
        create_app(replace(pair.settings, jwt_key_file=""))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_of_several_keys_a_token_names_the_one_it_is_signed_with(
    tmp_path: Path, pair: Threaded, work: Casework, algorithm: str
):
    """As while a key is replaced: each of the services' own tokens is taken by the other service."""
    keys, settings = [], pair.settings
    for name in ("old", "new"):
        folder = tmp_path / name
        folder.mkdir()
        settings = _asymmetric(folder, pair.settings, algorithm)
        keys.append({**_as_jwk(settings), "kid": name})
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": keys}))
    settings = replace(settings, jwt_public_key_file=str(jwks))
    token = mint_token(settings, subject="noor", tenant_id=work.tenant_id, roles=["viewer"])
    assert jwt.get_unverified_header(token)["kid"] == "new"
    with serving(create_matcher(settings)) as url:
        answer = requests.get(f"{url}/api/operators", headers={"Authorization": f"Bearer {token}"}, timeout=20)
        assert answer.ok, answer.text


def _as_jwk(settings: Settings) -> dict[str, Any]:
    public = Path(settings.jwt_public_key_file).read_text()
    algorithm = jwt.get_algorithm_by_name(settings.jwt_algorithm)
    return dict(algorithm.to_jwk(algorithm.prepare_key(public), as_dict=True))


def test_a_signing_key_whose_tokens_would_be_rejected_is_refused_at_start(tmp_path: Path, pair: Threaded):
    for name in ("mine", "theirs"):
        (tmp_path / name).mkdir()
    mine, theirs = (_asymmetric(tmp_path / name, pair.settings, "ES256") for name in ("mine", "theirs"))
    with pytest.raises(SettingsError, match="its public key is not in SENTINAI_JWT_PUBLIC_KEY_FILE"):
        create_app(replace(mine, jwt_public_key_file=theirs.jwt_public_key_file))
    with pytest.raises(SettingsError, match="this is a public key"):
        create_app(replace(mine, jwt_key_file=mine.jwt_public_key_file))
    with pytest.raises(SettingsError, match="not a PEM file with a key for RS256"):
        create_app(replace(mine, jwt_algorithm="RS256"))


def test_only_who_signs_needs_a_private_key(tmp_path: Path, pair: Threaded):
    """The executor signs its own calls; the matcher makes none."""
    settings = replace(_asymmetric(tmp_path, pair.settings, "ES256"), jwt_key_file="")
    create_matcher(settings)
    with pytest.raises(SettingsError, match="SENTINAI_JWT_KEY_FILE is not set"):
        create_app(settings)
    garbage = tmp_path / "garbage"
    garbage.write_text("-----BEGIN PUBLIC KEY-----")
    with pytest.raises(SettingsError, match="SENTINAI_JWT_PUBLIC_KEY_FILE: not a PEM file"):
        create_matcher(replace(settings, jwt_public_key_file=str(garbage)))
