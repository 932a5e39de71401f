"""From a solution and a kind of accelerator to a place where gangs can be tried, or the reason why there is none."""

from collections.abc import Sequence

from conformance.adapters import gang as solutions
from conformance.adapters.look import Look
from conformance.cluster.api import Api
from conformance.evidence import Evidence
from conformance.inventory import Kind
from conformance.inventory.descriptors import Descriptor
from conformance.inventory.solutions import Solution
from conformance.probes import claims, victims
from conformance.probes.gang import cpu_room, free_room, queues
from conformance.probes.gang.gangs import Gangs
from conformance.probes.sandbox import Sandbox
from conformance.probes.stage import singly
from conformance.verdicts import Failure, Unknown

SPARE_PODS = 8
"""Pods besides two gangs of the largest size: the blocker, and some that are still going."""


def prepare(
    sandbox: Sandbox, solution: Solution, pool: Kind | None, descriptors: Sequence[Descriptor], version: str | None
) -> Gangs:
    """Nodes, queue and adapter for the gangs of one check; without a pool members ask for CPU."""
    must_be_alive(sandbox.api, sandbox.evidence, solution)
    everything = sandbox.settings.gang_nodes == "all"
    unit: free_room.Unit
    if pool is None:
        nodes = sandbox.api.list("/api/v1/nodes")
        unit, name = cpu_room.unit_for(sandbox.api, nodes, sandbox.own)
        names = [name]
    else:
        unit = free_room.DeviceUnit(pool, singly(pool, descriptors), f"{claims.GROUP}/{version or 'v1'}")
        shares = sorted(pool.nodes, key=lambda share: (share.devices if share.free is None else share.free, share.name))
        names = [share.name for share in shares if share.free != 0]
    names = spared(sandbox, unit, names if everything else names[: free_room.CANDIDATES])
    room = free_room.choose(sandbox.api, unit, names, sandbox.own, everything=everything)
    sandbox.make_room(2 * room.free + SPARE_PODS, cpu=getattr(unit, "amount", 0) * (2 * room.free + SPARE_PODS))
    sandbox.evidence.step(
        "chose where gangs are tried",
        expected=f"at least {free_room.LEAST} free",
        observed=f"{room.free} free on {len(room.nodes)} nodes ({free_room.told(room.counts)}); one is {unit.title}",
        obj=f"Nodes {', '.join(room.nodes)}",
    )
    return Gangs(sandbox, solutions.adapter_for(solution), room, queues.prepare(sandbox, solution, room))


def spared(sandbox: Sandbox, unit: free_room.Unit, names: Sequence[str]) -> list[str]:
    """The nodes on which a gang that does not fit takes nothing away from others; ``Unknown`` where that leaves none."""
    device = unit if isinstance(unit, free_room.DeviceUnit) else None
    if device and device.by_claim:
        return list(names)
    found = victims.by_node(sandbox.api, names, device.kind.name if device else "")
    left = [name for name in names if name not in found]
    if found:
        seen = f"{victims.told(found)} would be taken away for a gang; left are {', '.join(left) or 'no nodes'}"
        sandbox.evidence.step("left out nodes where others would lose their place", observed=seen)
    if found and not left:
        raise Unknown(f"on every node that could be used {victims.told(found)} would lose it", code="would_preempt")
    return left


def must_be_alive(api: Api, evidence: Evidence, solution: Solution) -> None:
    """``Failure`` where the controllers of the solution have no replica, now as when the run began."""
    evidence.step("found the gang scheduler", observed=f"{solution.title}: {solution.seen}")
    if solution.alive is not False:
        return
    again = next((s for s in solutions.detect(Look(api)) if s.id == solution.id), None)
    if again is None or again.alive is False:
        raise Failure(
            "controller_down",
            observed=f"{solution.title}: {again.seen if again else 'it is no longer there'}",
            expected="a gang scheduler that is installed has its controllers available",
            hint="look at its Deployments and their pods",
        )
