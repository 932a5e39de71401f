"""The small parts: CEL, quantities, certificates, durations, protobuf, selectors."""

import ssl
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from conformance.simulator import certificates, quantities
from conformance.simulator.api.errors import Refused
from conformance.simulator.api.protobuf import decode
from conformance.simulator.api.selectors import node_selector
from conformance.simulator.cel import CelError, compile_selector, device_view, selects
from conformance.simulator.kinds import Kinds
from conformance.simulator.kinds.printing import human

DEVICE: dict[str, Any] = {
    "name": "a",
    "attributes": {
        "model": {"string": "S1"},
        "index": {"int": 3},
        "v": {"version": "1.10.0"},
        "o.example.com/x": {"bool": True},
    },
    "capacity": {"memory": {"value": "16Gi"}},
}


@pytest.mark.parametrize("text", ["", "abc", "1Q", "1 Gi", "--1"])
def test_text_that_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="quantity"):
        quantities.parse(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("100m", Fraction(1, 10)), ("1Ki", Fraction(1024)), ("1.5G", Fraction(1_500_000_000)), ("2e3", Fraction(2000))],
)
def test_quantities_are_exact(text: str, value: Fraction) -> None:
    assert quantities.parse(text) == value


@pytest.mark.parametrize(
    "expression",
    [
        "device.driver ==",
        "x == 1",
        "device.nope",
        "cel.bind(x, 1, true)",
        "device.?driver",
        "unknown(device.driver)",
        "'text'",
        "1",
    ],
)
def test_expression_that_does_not_compile(expression: str) -> None:
    with pytest.raises(CelError):
        compile_selector(expression)


@pytest.mark.parametrize(
    "expression", ["device.attributes['d'].nope == 1", "device.attributes['other'].model == 'S1'", "device.driver"]
)
def test_expression_that_fails_on_the_device(expression: str) -> None:
    with pytest.raises(CelError):
        selects(expression, device_view("d", DEVICE))


@pytest.mark.parametrize(
    ("expression", "taken"),
    [
        ("device.driver == 'd'", True),
        ("device.attributes['d'].model == 'S2'", False),
        ("'nope' in device.attributes['d'] && device.attributes['d'].nope == 1", False),
        ("device.attributes['o.example.com'].x", True),
        ("device.attributes['d'].v.isGreaterThan(semver('1.9.0'))", True),
        ("device.attributes['d'].v.compareTo(semver('1.10.0')) == 0", True),
        ("device.capacity['d'].memory.compareTo(quantity('10Gi')) >= 0", True),
        ("device.capacity['d'].memory.isLessThan(quantity('17179869184'))", False),
        ("device.attributes['d'].model.lowerAscii() == 's1' && device.attributes['d'].index in [1, 3]", True),
        ("['a', 'b'].exists(x, x == 'b') && 'cel.bind(' != device.driver", True),
        ("device.allowMultipleAllocations", False),
    ],
)
def test_selectors_of_devices(expression: str, taken: bool) -> None:
    assert selects(expression, device_view("d", DEVICE)) is taken


def test_certificate_is_taken_by_a_strict_client(tmp_path: Path) -> None:
    made = certificates.make("test")
    file = tmp_path / "server.pem"
    file.write_text(made.key + made.certificate)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file)
    context = ssl.create_default_context(cadata=made.certificate)
    assert context.cert_store_stats() == {"x509": 1, "crl": 0, "x509_ca": 1}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0s"),
        (119, "119s"),
        (120, "2m"),
        (200, "3m20s"),
        (3 * 3600, "3h"),
        (30 * 3600, "30h"),
        (3 * 86400, "3d"),
        (900 * 86400, "2y"),
    ],
)
def test_durations_as_kubectl_shows_them(seconds: int, words: str) -> None:
    assert human(seconds) == words


@pytest.mark.parametrize("data", [b"", b"k8s\0\xff", b"k8s\0", b"other"])
def test_broken_protobuf_is_a_bad_request(data: bytes) -> None:
    with pytest.raises(Refused) as caught:
        decode(data)
    assert caught.value.code == 400


def test_protobuf_object_is_read() -> None:
    namespace = b"\x0a\x03\x0a\x01n"
    envelope = b"\x0a\x0f\x0a\x02v1\x12\x09Namespace\x12" + bytes([len(namespace)]) + namespace
    assert decode(b"k8s\0" + envelope) == {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}


@pytest.mark.parametrize(
    ("term", "taken"),
    [
        ({"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}, True),
        ({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}, False),
        ({"matchExpressions": [{"key": "size", "operator": "Gt", "values": ["3"]}]}, True),
        ({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["other"]}]}, False),
        ({}, False),
    ],
)
def test_node_selector_terms(term: dict[str, Any], taken: bool) -> None:
    node = {"metadata": {"name": "n", "labels": {"zone": "a", "size": "4"}}}
    assert node_selector({"nodeSelectorTerms": [term]}, node) is taken


def test_withheld_group_has_no_kinds() -> None:
    assert Kinds().has("resourceclaims.resource.k8s.io")
    assert not Kinds(withhold=["resource.k8s.io"]).has("resourceclaims.resource.k8s.io")
    assert Kinds(serve=["resource.k8s.io/v1beta1"]).groups()["resource.k8s.io"] == ["v1", "v1beta1"]
