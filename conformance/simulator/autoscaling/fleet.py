"""The machines that are there now: those of the world, and those that an autoscaler has ordered since.

A node object says that a machine is there; the machine itself (its devices, its kubelet) is here.
"""

from dataclasses import replace

from conformance.simulator.devices import device
from conformance.simulator.machines import NodeSpec
from conformance.simulator.objects import suffix
from conformance.simulator.pools import PoolSpec
from conformance.simulator.world import World


class Fleet:
    """Machines by name, and the pools that they belong to."""

    def __init__(self, world: World) -> None:
        self._machines = {node.name: node for node in world.nodes}
        self._pools = {name: pool.name for pool in world.pools for name in pool.nodes}
        indexes = [one.index for node in world.nodes for one in node.physical]
        self._next = max(indexes, default=-1) + 1

    @property
    def nodes(self) -> list[NodeSpec]:
        """All machines."""
        return list(self._machines.values())

    def find(self, name: str) -> NodeSpec | None:
        """The machine of a node."""
        return self._machines.get(name)

    def members(self, pool: PoolSpec) -> list[str]:
        """Names of the machines of a pool, in order of age."""
        return [name for name in self._machines if self._pools.get(name) == pool.name]

    def order(self, pool: PoolSpec, fault: str = "pool") -> NodeSpec:
        """A machine as the pool's template has it, or a wrong one; it is there at once, its node comes with ``join``."""
        made = blueprint(pool, f"{pool.name}-{suffix()}", self._next)
        if fault == "without_accelerators":
            made = replace(made, dra=(), plugin=())
        elif fault == "silent_accelerators":
            made = replace(made, injects=False)
        elif fault == "other_label":
            key, _ = pool.label
            made = replace(made, labels={**made.labels, key: "other"})
        self._next += len(made.dra) + len(made.plugin)
        self._machines[made.name] = made
        self._pools[made.name] = pool.name
        return made

    def drop(self, name: str) -> None:
        """The machine is gone."""
        self._machines.pop(name, None)
        self._pools.pop(name, None)


def blueprint(pool: PoolSpec, name: str, first: int) -> NodeSpec:
    """What a new machine of a pool is, with device numbers from the first one on."""
    template = pool.template
    numbers = iter(range(first, first + template.dra + template.plugin))
    dra = tuple(device(template.make, next(numbers), template.model) for _ in range(template.dra))
    return NodeSpec(
        name=name,
        labels={**template.labels, **pool.labels},
        taints=template.taints,
        cpu=template.cpu,
        memory=template.memory,
        pods=template.pods,
        make=template.make,
        dra=dra,
        plugin=tuple(device(template.make, number, template.model) for number in numbers),
        provider_id=f"simulated://{pool.name}/{name}",
    )
