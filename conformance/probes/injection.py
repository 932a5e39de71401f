"""How a device came into a container: what the kubelet, the claim and the environment say about it, beside what opened."""

from typing import Any

from conformance.cluster.api import Object
from conformance.inventory import odd
from conformance.probes import reading
from conformance.probes.bench import Bench
from conformance.probes.starting import containers
from conformance.probes.tenants import MAIN, Tenant
from conformance.verdicts import Failure

_MOST = 20


def opens_its_own(bench: Bench, tenant: Tenant) -> reading.Node:
    """The one device that the pod opened; ``Failure`` where it is another than the one that was allocated to it."""
    node = bench.opened_one(tenant)
    must_be_its_own(bench, tenant, node)
    return node


def must_be_its_own(bench: Bench, tenant: Tenant, node: reading.Node) -> None:
    """``Failure`` where a device says that it is another than the one that was allocated to the pod; what is not told is let be."""
    seen, allocated = reading.identity(node, bench.descriptor), bench.allocated(tenant)
    if seen is not None and allocated is not None and allocated != [seen]:
        raise Failure(
            "wrong_device",
            observed=f"pod {tenant.name} on {bench.node} opened {seen} ({node})",
            expected=f"it opens the device that was allocated to it: {', '.join(allocated) or 'none'}",
        )


def record_injection(bench: Bench, tenant: Tenant, node: reading.Node) -> None:
    """Write down by which way the device came, as far as anybody says it. It decides nothing: what opens is what counts."""
    told = tenant.pod["spec"].get("runtimeClassName")
    bench.sandbox.evidence.step(
        "looked how the device came into the container",
        expected="one device node that opens",
        observed=str(node),
        obj=f"Pod {tenant.name}",
        allocated_resources_status=_allocated(tenant.pod),
        claim_devices=_claim_devices(tenant.claim),
        environment=dict(tenant.report.environment),
        sysfs=dict(node.sysfs),
        runtime_class=str(told or "the default"),
    )


def _allocated(pod: Object) -> dict[str, list[str]]:
    """Ids by resource or claim, from ``status.containerStatuses[].allocatedResourcesStatus``; a DRA driver's are CDI names."""
    found: dict[str, list[str]] = {}
    for entry in containers(pod):
        for told in odd.entries(entry, "allocatedResourcesStatus") if entry.get("name") == MAIN else ():
            ids = [str(resource.get("resourceID")) for resource in odd.entries(told, "resources")[:_MOST]]
            found[str(told.get("name"))] = ids
    return found


def _claim_devices(claim: Object | None) -> list[dict[str, Any]]:
    """What the driver wrote about its devices into ``status.devices`` of the claim."""
    entries = odd.entries(odd.part(claim or {}, "status"), "devices")[:_MOST]
    return [{key: entry[key] for key in ("driver", "pool", "device", "data") if key in entry} for entry in entries]
