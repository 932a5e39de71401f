"""Who else holds accelerators of a vendor on a node: no load is put on a device that others use (DESIGN 11)."""

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase

from conformance.cluster import errors
from conformance.cluster.api import Api, Object
from conformance.inventory import device_plugin, dra, fresh, odd, room
from conformance.inventory.descriptors import Descriptor
from conformance.probes.names import RUN_LABEL, home_namespace
from conformance.verdicts import Unknown

Meant = Callable[[dra.Device], bool]
"""Which DRA devices matter."""
_SHOWN = 5


def every(_device: dra.Device) -> bool:
    """All of the vendor's."""
    return True


def none_hold(
    api: Api,
    descriptor: Descriptor,
    group_version: str,
    node: str,
    run: str,
    meant: Meant = every,
) -> None:
    """Raise ``Unknown`` where somebody else's pod or claim holds a device or a share of this vendor on the node.

    ``run`` is the value of the label that everything of this run carries; ``meant`` picks the DRA devices that matter.
    ``Unknown`` too where nobody may look.
    """
    try:
        others = [*_by_pods(api, descriptor, node, run), *_by_claims(api, descriptor, group_version, node, run, meant)]
    except errors.Forbidden as error:
        raise Unknown(f"whether others use the devices of {node} cannot be seen: {error}", code="forbidden") from error
    if others:
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        raise Unknown(
            f"no load is put on devices that others use; on {node}: {'; '.join(others[:_SHOWN])}{more}",
            code="foreign_pods",
        )


def is_ours(obj: Object, run: str) -> bool:
    """Whether an object belongs to this run: by its label, or by its namespace.

    The claim behind an extended resource is made by the scheduler, which gives it no label; it outlives its pod by a moment.
    """
    meta = odd.part(obj, "metadata")
    home = home_namespace(run)
    namespace = str(meta.get("namespace"))
    return odd.part(meta, "labels").get(RUN_LABEL) == run or namespace == home or namespace.startswith(f"{home}-")


def _by_pods(api: Api, descriptor: Descriptor, node: str, run: str) -> Iterator[str]:
    virtual = descriptor.virtualization.resources if descriptor.virtualization else ()
    globs = [*descriptor.resources, *virtual, *(glob for rule in descriptor.shares for glob in rule.resources)]
    for pod in fresh.pods_on(api, [node]):
        if is_ours(pod, run):
            continue
        held: Mapping[str, int] = device_plugin.held([pod]).get(node, {})
        found = [f"{n} {name}" for name, n in held.items() if n and any(fnmatchcase(name, g) for g in globs)]
        if found:
            yield f"pod {odd.part(pod, 'metadata').get('namespace')}/{odd.name(pod)} holds {', '.join(found)}"


def _by_claims(
    api: Api,
    descriptor: Descriptor,
    group_version: str,
    node: str,
    run: str,
    meant: Meant,
) -> Iterator[str]:
    if not descriptor.drivers:
        return
    try:
        slices, _ = dra.current_slices(api.list(f"/apis/{group_version}/resourceslices"))
        claims = api.list(f"/apis/{group_version}/resourceclaims")
    except errors.NotFound:
        return
    nodes = [api.get(f"/api/v1/nodes/{node}")]  # a slice may name its node by a selector
    found = (d for d in dra.devices(slices, nodes) if d.node == node and d.driver in descriptor.drivers)
    here = {device.key for device in found if meant(device)}
    pods = {odd.part(pod, "metadata").get("uid") for pod in fresh.pods_on(api, [node]) if is_ours(pod, run)}
    for claim in claims:
        owners = {owner.get("uid") for owner in odd.entries(odd.part(claim, "metadata"), "ownerReferences")}
        held = [] if is_ours(claim, run) or owners & pods else sorted(room.held([claim]) & here)
        if held:
            told = ", ".join("/".join(key) for key in held)
            yield f"claim {odd.part(claim, 'metadata').get('namespace')}/{odd.name(claim)} holds {told}"
