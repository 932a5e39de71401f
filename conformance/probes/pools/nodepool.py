"""Which node pool is to grow: one that has accelerators, and that the cluster's autoscaler may make larger.

Nothing is created here, so that what can be said for free is said before anybody is asked whether a node may be bought.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from conformance.adapters.autoscaler import ADAPTERS, Adapter, detect, managed
from conformance.adapters.autoscaler.model import Group
from conformance.adapters.look import Look
from conformance.cluster.api import Api, Object
from conformance.inventory import nodes as node_facts
from conformance.inventory import odd
from conformance.inventory.kinds import DEVICE_PLUGIN, Kind
from conformance.inventory.solutions import Solution
from conformance.inventory.take import Inventory
from conformance.verdicts import Failure, NotApplicable, Unknown, Unverified


@dataclass(frozen=True)
class Pool:
    """A pool that is to grow."""

    label: tuple[str, str]
    nodes: tuple[Object, ...]
    """Its nodes before."""
    kind: Kind
    """Accelerators of its nodes that the pods ask for."""
    group: Group | None
    """What the autoscaler says about it."""

    def has(self, node: Object) -> bool:
        """Whether a node belongs to it."""
        key, value = self.label
        return node_facts.labels(node).get(key) == value

    def __str__(self) -> str:
        told = f", node group {self.group}" if self.group else ""
        return f"{'='.join(self.label)} ({len(self.nodes)} node{'' if len(self.nodes) == 1 else 's'}){told}"


@dataclass(frozen=True)
class Landscape:
    """An autoscaler with the nodes and node groups of the cluster."""

    solution: Solution
    adapter: Adapter
    look: Look
    nodes: tuple[Object, ...]
    groups: tuple[Group, ...]
    kinds: tuple[Kind, ...]

    def accelerated(self, node: Object) -> bool:
        """Whether a node has accelerators."""
        return any(odd.name(node) == share.name for kind in self.kinds for share in kind.nodes)

    def must_not_be_fixed(self) -> None:
        """Raise ``Failure`` where every node group that could hold accelerators has a size that cannot change."""
        could = [group for group in self.groups if self._could_hold(group)]
        if could and all(group.fixed for group in could):
            raise Failure(
                "pool_fixed",
                observed=f"{self.solution.title} may change no pool that could hold accelerators: {_told(could)}",
                expected="a pool of accelerator nodes with room between its minimum and its maximum",
            )

    def _could_hold(self, group: Group) -> bool:
        """Groups without a known node could hold anything."""
        members = [node for node in self.nodes if group.has(node)]
        return not members or any(map(self.accelerated, members))


def survey(api: Api, inventory: Inventory, variant: str) -> Landscape:
    """The autoscaler of a variant and what it says.

    Raises ``NotApplicable`` where it is proven that there is none, ``Unknown`` where that cannot be proven.
    """
    look = Look(api)
    nodes = look.objects("/api/v1/nodes") or []
    solution = next((s for s in inventory.solutions if s.id == variant and s.id in ADAPTERS), None)
    if solution is None:
        raise _absent(look, nodes)
    adapter = ADAPTERS[solution.id]
    kinds = tuple(kind for kind in inventory.pools if kind.nodes)
    return Landscape(solution, adapter, look, tuple(nodes), tuple(adapter.groups(look, nodes)), kinds)


def _absent(look: Look, nodes: Sequence[Object]) -> NotApplicable | Unknown:
    """What the absence of every sign is worth."""
    found = detect(look)
    if found:
        told = ", ".join(f"{s.title}: {s.seen}" for s in found)
        return Unknown(f"an autoscaler shows now and did not when the run began: {told}", code="autoscaler_came")
    notes = sorted(set(look.notes))
    if notes:
        why = f"no sign of a cluster autoscaler was seen, and not all signs could be looked for: {', '.join(notes)}"
        return Unknown(why, code="signs_not_readable")
    if not nodes:
        return Unknown("no node was seen, so no provider either", code="signs_not_readable")
    behind = managed.providers(nodes)
    if behind:
        return Unknown(f"no autoscaler shows on {', '.join(behind)}, which may hide one", code="autoscaler_not_visible")
    looked = "no Deployment, status ConfigMap, API group, event, taint or label of Cluster Autoscaler or Karpenter"
    return NotApplicable(
        f"there is no cluster autoscaler: {looked}, and none of the {len(nodes)} nodes comes from a provider",
        code="no_autoscaler",
    )


def choose(landscape: Landscape, wanted: str | None) -> Pool:
    """The pool that the user names (``LABEL=VALUE``), or the one with fewest nodes that has accelerators and room."""
    if not landscape.kinds:
        why = "the cluster has no accelerator now, and a pool at zero nodes is not woken"
        raise Unknown(why, code="no_accelerator")
    tried = [_named(landscape, wanted)] if wanted else _found(landscape)
    pools = [pool for pool in tried if pool is not None]
    if not pools:
        where = f"no node with accelerators has label {wanted}" if wanted else _nowhere(landscape)
        raise Unknown(f"{where}; --node-pool LABEL=VALUE names the pool that is to grow", code="no_pool")
    free = [pool for pool in pools if not (pool.group and (pool.group.fixed or pool.group.full))]
    if not free:
        raise Unverified(
            f"every pool is at its maximum: {_told([p.group for p in pools if p.group])}", code="pool_full"
        )
    return min(free, key=lambda pool: (len(pool.nodes), pool.label))


def _named(landscape: Landscape, wanted: str) -> Pool | None:
    key, _, value = wanted.partition("=")
    members = [node for node in landscape.nodes if node_facts.labels(node).get(key) == value]
    group = next((g for g in landscape.groups if any(g.has(node) for node in members)), None)
    return _pool(landscape, (key, value), members, group)


def _found(landscape: Landscape) -> list[Pool | None]:
    found = []
    for group in landscape.groups:
        members = [node for node in landscape.nodes if group.has(node)]
        label = next(iter(group.labels.items()), None)
        found.append(_pool(landscape, label, members, group) if label else None)
    return found


def _pool(landscape: Landscape, label: tuple[str, str], members: Sequence[Object], group: Group | None) -> Pool | None:
    """A pool with the kind of accelerators that pods shall ask for: by device plugin where there is one, as autoscalers know it best."""
    names = {odd.name(node) for node in members}
    kinds = [kind for kind in landscape.kinds if names & {share.name for share in kind.nodes}]
    if not kinds:
        return None
    kind = min(kinds, key=lambda k: (k.descriptor is None, k.way != DEVICE_PLUGIN, k.id))
    return Pool(label, tuple(members), kind, group)


def _nowhere(landscape: Landscape) -> str:
    told = _told(landscape.groups) or "none"
    return f"it is not to be seen which nodes with accelerators belong to which node group (groups: {told})"


def _told(groups: Sequence[Group]) -> str:
    return ", ".join(map(str, groups[:10]))
