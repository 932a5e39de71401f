"""Harmless objects of each DRA type, and one of each that a server must refuse (resource.k8s.io).

Harmless on a live cluster: the driver's name belongs to the run, slices have no devices and name no node, taint rules have
effect None and mean that driver only.
"""

from dataclasses import dataclass

from conformance.cluster.api import Object
from conformance.probes import claims

BROKEN_CEL = "device.driver =="
"""Does not compile, so that the server's own validation must refuse it."""


@dataclass(frozen=True)
class Sample:
    """A valid object of one type and an invalid one."""

    valid: Object
    invalid: Object
    flaw: str
    """What is wrong with the invalid one."""


def sample(plural: str, version: str, name: str) -> Sample:
    """Sample for a type by plural; ``name`` becomes the driver's name too."""
    return _MAKERS[plural](version, name)


def _object(version: str, kind: str, name: str, spec: Object) -> Object:
    return {"apiVersion": f"{claims.GROUP}/{version}", "kind": kind, "metadata": {"name": name}, "spec": spec}


def driver(name: str) -> str:
    """Driver name that belongs to the run."""
    return f"{name}.kube-ai-conformance.dev"


def _device_class(version: str, name: str) -> Sample:
    def made(expression: str) -> Object:
        return _object(version, "DeviceClass", name, {"selectors": [{"cel": {"expression": expression}}]})

    return Sample(made(f'device.driver == "{driver(name)}"'), made(BROKEN_CEL), "a CEL selector that does not compile")


def _claim(version: str, name: str) -> Sample:
    valid = claims.claim(version, name, claims.spec(version, name))
    invalid = claims.claim(version, name, claims.spec(version, name, selectors=(BROKEN_CEL,)))
    return Sample(valid, invalid, "a CEL selector that does not compile")


def _template(version: str, name: str) -> Sample:
    valid = claims.template(version, name, claims.spec(version, name))
    invalid = claims.template(version, name, claims.spec(version, name, selectors=(BROKEN_CEL,)))
    return Sample(valid, invalid, "a CEL selector that does not compile")


def _slice(version: str, name: str) -> Sample:
    pool = {"name": name, "generation": 1, "resourceSliceCount": 1}
    valid: Object = {"driver": driver(name), "pool": pool, "allNodes": True}
    invalid = {"driver": driver(name), "pool": pool}
    return Sample(
        _object(version, "ResourceSlice", name, valid),
        _object(version, "ResourceSlice", name, invalid),
        "no node selection",
    )


def _taint_rule(version: str, name: str) -> Sample:
    def made(effect: str) -> Object:
        taint = {"key": "kube-ai-conformance.dev/probe", "value": "none", "effect": effect}
        return _object(version, "DeviceTaintRule", name, {"deviceSelector": {"driver": driver(name)}, "taint": taint})

    return Sample(made("None"), made("Sometimes"), "an effect that does not exist")


_MAKERS = {
    "deviceclasses": _device_class,
    "resourceclaims": _claim,
    "resourceclaimtemplates": _template,
    "resourceslices": _slice,
    "devicetaintrules": _taint_rule,
}
