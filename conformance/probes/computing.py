"""Whether the load that a pod put on its device came to the right result."""

from collections.abc import Sequence

from conformance.probes import reading
from conformance.probes.answers import Burned
from conformance.probes.bench import Bench
from conformance.probes.tenants import Tenant
from conformance.verdicts import Failure, Unknown, Unverified


def must_compute(bench: Bench, tenant: Tenant, node: reading.Node) -> Burned:
    """The load on the one device that a pod holds; ``Failure`` where it was not right, ``Unknown`` where none could be tried."""
    burn = tenant.report.burn
    if burn is None:
        raise Unverified(f"pod {tenant.name} was asked for a load and says nothing of one", code="no_report")
    loads = _on(burn.devices, tenant.report, node) if burn.by == "read" else burn.devices
    bench.sandbox.evidence.step(
        f"put a load on the device ({burn.by}, {burn.seconds:g} s)",
        expected="the result is right",
        observed="; ".join(map(str, loads)) or burn.problem,
        obj=f"Pod {tenant.name}",
    )
    if not loads:
        raise Unknown(
            f"no load could be put on the device of pod {tenant.name}: {burn.problem or 'nobody says why'}. Give pods the "
            "vendor's user libraries, or name their folders in the descriptor's library_paths",
            code="no_compute",
        )
    if len(loads) > 1:
        raise Failure(
            "foreign_device_opened",
            observed=f"pod {tenant.name} on {bench.node} can compute on {len(loads)} devices: {burn}",
            expected="it computes on the one device that it asked for",
        )
    if not loads[0].verified:
        raise Failure(
            "does_not_compute",
            observed=f"pod {tenant.name} on {bench.node}: {loads[0]}",
            expected="the device computes and its results are right",
        )
    return loads[0]


def _on(loads: Sequence[Burned], report: reading.Report, node: reading.Node) -> list[Burned]:
    """The load on a device by the path of its node, of which there may be several."""
    paths = {n.path for n in report.nodes if n.number == node.number}
    return [load for load in loads if load.id in paths][:1]
