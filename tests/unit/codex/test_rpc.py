"""What an incoming text is: an answer, a refusal, a notification, a request, or nothing of the kind."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.codex import rpc
from orchestrator.codex.rpc import Malformed, Notification, Refusal, Result, ServerRequest

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"id":1,"result":{"a":1}}', Result(1, {"a": 1})),
        ('{"id":1,"result":null}', Result(1, {"value": None})),
        ('{"id":2,"error":{"code":-32600,"message":"no"}}', Refusal(2, -32600, "no")),
        ('{"id":2,"error":{}}', Refusal(2, 0, "")),
        ('{"method":"m","params":{}}', Notification("m", {"method": "m", "params": {}})),
        ('{"id":0,"method":"m"}', ServerRequest(0, "m", {"id": 0, "method": "m"})),
        ('{"id":"x","method":"m"}', ServerRequest("x", "m", {"id": "x", "method": "m"})),
    ],
)
def test_the_four_shapes_are_told_apart(text: str, kind: rpc.Incoming) -> None:
    """A server request with id 0 is a request: codex counts from 0."""
    assert rpc.classify(text) == kind


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "1", "{}", '{"id":1}', '{"id":"a","result":{}}', "[" * 100_000]
)
def test_anything_else_is_malformed(text: str) -> None:
    """One error for all that codex would not say."""
    with pytest.raises(Malformed):
        rpc.classify(text)


@given(json_values)
def test_no_json_does_worse_than_malformed(value: object) -> None:
    """Any JSON is one of the shapes or `Malformed`."""
    with contextlib.suppress(Malformed):
        assert rpc.classify(json.dumps(value))


@given(
    ident=st.integers(),
    method=st.text(min_size=1, max_size=20),
    params=st.dictionaries(st.text(max_size=5), json_values, max_size=3),
)
def test_a_request_says_what_it_was_given(ident: int, method: str, params: dict[str, object]) -> None:
    """The text of a request is JSON, one line, with nothing but the three fields."""
    text = rpc.request(ident, method, params)
    assert json.loads(text) == {"id": ident, "method": method, "params": params}
    assert "\n" not in text


def test_lone_surrogates_can_be_sent() -> None:
    """Text of a person's terminal may hold them; UTF-8 cannot."""
    assert rpc.request(1, "m", {"text": "\ud83d"}).encode()
