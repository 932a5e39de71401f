"""Loads that pods put on shares of devices: whether each computed correctly, and when."""

from collections.abc import Sequence

from conformance.probes.answers import Burned
from conformance.probes.sharing.moments import Span
from conformance.probes.tenants import Tenant
from conformance.verdicts import Failure, Unknown, Unverified


def worked(crew: Sequence[Tenant], *, may_serve_root_only: bool = False) -> list[Span]:
    """When each pod's load was on its device.

    Raises ``Failure`` where a load came to a wrong result, or could not be tried while others could: the libraries are there
    then. ``Unknown`` where none could be tried, ``Unverified`` where a pod does not say when it worked.

    ``may_serve_root_only``: the pods are not root, and the daemon of MPS serves its own user only, unless it is told otherwise;
    where no load at all came out right, that is as likely as a fault.
    """
    untried = [tenant for tenant in crew if not _burned(tenant)]
    if len(untried) == len(crew):
        raise Unknown(f"no load could be put on the devices: {_words(crew[0])}", code="no_compute")
    wrong = [*untried, *(t for t in crew if not all(device.verified for device in _burned(t)))]
    if may_serve_root_only and len(wrong) == len(crew):
        raise Unknown(
            f"no pod could compute, and none is admitted as root, which MPS may ask for: {_words(crew[0])}",
            code="no_compute",
        )
    if wrong:
        raise Failure(
            "share_cannot_compute",
            observed="; ".join(f"pod {tenant.name}: {_words(tenant)}" for tenant in wrong),
            expected="every pod with a share of a device computes correctly on it",
        )
    return [_span(tenant) for tenant in crew]


def _burned(tenant: Tenant) -> tuple[Burned, ...]:
    return tenant.report.burn.devices if tenant.report.burn else ()


def _words(tenant: Tenant) -> str:
    return str(tenant.report.burn) if tenant.report.burn else "it says nothing of a load"


def _span(tenant: Tenant) -> Span:
    begun = [device.began for device in _burned(tenant) if device.began is not None]
    ended = [device.ended for device in _burned(tenant) if device.ended is not None]
    if not begun or not ended:
        raise Unverified(f"pod {tenant.name} does not say when its load was on the device", code="no_report")
    return Span(min(begun), max(ended))
