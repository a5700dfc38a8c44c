"""Settings are checked as they are read: every value that does not fit is named, with what would."""

from __future__ import annotations

import pytest

from sentinai.documents import strict_json
from sentinai.exception_fields import RULE_FIELDS
from sentinai.settings import Settings, SettingsError, load

REFUSED = [
    ("SENTINAI_EXECUTOR_PORT", "soon", "must be a whole number"),
    ("SENTINAI_EXECUTOR_PORT", "0", "must be at least 1"),
    ("SENTINAI_EXECUTOR_PORT", "65536", "must be at most 65535"),
    ("SENTINAI_WORKER_METRICS_PORT", "70000", "must be at most 65535"),
    ("SENTINAI_WORKER_PERIOD_SECONDS", "soon", "must be a number"),
    ("SENTINAI_WORKER_PERIOD_SECONDS", "inf", "must be a finite number"),
    ("SENTINAI_WORKER_PERIOD_SECONDS", "nan", "must be a finite number"),
    ("SENTINAI_COOKIE_SECURE", "maybe", "must be true or false"),
    ("SENTINAI_LOG_LEVEL", "loud", "must be one of DEBUG, INFO, WARNING, ERROR"),
]


@pytest.mark.parametrize(("name", "value", "why"), REFUSED)
def test_a_value_that_does_not_fit_is_named_with_what_would(name: str, value: str, why: str):
    with pytest.raises(SettingsError) as refused:
        load({name: value})
    assert str(refused.value) == f"{name}={value!r}: {why}"


@pytest.mark.parametrize("name", ["SENTINAI_MATCHER_URL", "SENTINAI_EXECUTOR_URL", "SENTINAI_WEBHOOK_URL"])
@pytest.mark.parametrize("url", ["here", "ftp://there", "http://", "http://[::1", "http://there:port", "//there"])
def test_an_address_that_nothing_can_be_sent_to_is_refused_at_start(name: str, url: str):
    with pytest.raises(SettingsError, match=name):
        load({name: url})


@pytest.mark.parametrize(
    "url", ["", "here", "mysql://me:sesame@there/db", "postgresql+psycopg2://me:sesame@there"]
)
def test_a_database_without_a_driver_is_refused_and_its_password_not_repeated(url: str):
    with pytest.raises(SettingsError, match="SENTINAI_DATABASE_URL") as refused:
        load({"SENTINAI_DATABASE_URL": url})
    assert "sesame" not in str(refused.value)


def test_all_errors_are_reported_together():
    with pytest.raises(SettingsError, match=r"SENTINAI_MATCHER_URL.*; SENTINAI_EXECUTOR_PORT.*"):
        load({"SENTINAI_EXECUTOR_PORT": "x", "SENTINAI_MATCHER_URL": "x"})


def test_nothing_need_be_set():
    assert load({}) == Settings()
    assert load({"SENTINAI_WEBHOOK_URL": ""}) == Settings()
    assert load({"SENTINAI_WEBHOOK_URL": "https://in.side/hook?a=b"}).webhook_url


@pytest.mark.parametrize(
    ("limits", "fits"),
    [
        ({}, True),
        ({"SENTINAI_BODY_LIMIT_BYTES": "81920"}, True),
        ({"SENTINAI_BODY_LIMIT_BYTES": "81919"}, False),
        ({"SENTINAI_CONTEXT_LIMIT_BYTES": "1048576"}, False),
        ({"SENTINAI_BODY_LIMIT_BYTES": "20000", "SENTINAI_CONTEXT_LIMIT_BYTES": "3000"}, True),
    ],
)
def test_a_body_has_room_for_a_context_and_the_rest_of_an_exception(limits: dict[str, str], fits: bool):
    if fits:
        load(limits)
    else:
        with pytest.raises(SettingsError, match="SENTINAI_BODY_LIMIT_BYTES"):
            load(limits)


def test_the_room_around_a_context_is_enough_for_every_attribute():
    longest = {"domain": 128, "exception_type": 256, "source_system": 256, "entity": 512, "owner": 128}
    exception = {name: "\u0001" * length for name, length in longest.items()}
    others = dict.fromkeys(set(RULE_FIELDS) - {*longest, "normalized_context"}, "x" * 128)
    body = {
        "exception": {**exception, **others, "normalized_context": {}, "amount": -(10**308)},
        "as_of": "x" * 64,
    }
    assert len(strict_json.encode({**body, "limit": 100})) < 16_384
