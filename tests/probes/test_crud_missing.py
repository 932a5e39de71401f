"""A field that the server drops is seen, however deep it lies."""

import pytest

from conformance.probes.crud import missing


@pytest.mark.parametrize(
    ("sent", "stored", "place"),
    [
        ({"a": 1}, {}, ".a"),
        ({"a": {"b": [1]}}, {"a": {"b": []}}, ".a.b"),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, ".a[0].b"),
        ({"a": 1}, None, ".a"),
    ],
)
def test_what_was_sent_and_is_not_stored_is_named(sent: object, stored: object, place: str) -> None:
    assert missing(sent, stored) == place


def test_what_the_server_adds_does_not_count() -> None:
    assert missing({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}], "d": 3}) is None
