"""How the inventory reads lists, and what each way of allocation makes of them has in common."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache, lru_cache

from conformance.cluster import errors
from conformance.cluster.api import Api, Object
from conformance.declaration import WITH
from conformance.inventory.descriptors import Descriptor, other_devices
from conformance.inventory.kinds import DEVICE_PLUGIN, LONGEST, Kind, NodeShare, slug, unique

_SHORTEST = 8
"""Characters of a model that an id keeps where the other parts are long."""


@dataclass
class Reading:
    """One taking of the inventory: the lists, the notes on what cannot be used, and the ids that are given."""

    api: Api
    nodes: list[Object]
    """Nodes that take pods."""
    descriptors: tuple[Descriptor, ...]
    notes: list[str]
    taken: set[str] = field(default_factory=set)
    backed: dict[str, str] = field(default_factory=dict)
    """DeviceClass by the extended resource that it gives (``spec.extendedResourceName``); such units no node need show."""

    def list(self, path: str) -> list[Object] | None:
        """The objects, or None with a note where they must not be listed or are not served."""
        try:
            return self.api.list(path)
        except errors.Forbidden:
            self.notes.append(f"not allowed to list {path.rsplit('/', 1)[-1]}")
        except errors.NotFound:
            self.notes.append(f"{path.rsplit('/', 1)[-1]} is not served")
        return None

    def kind(
        self,
        way: str,
        name: str,
        model: str,
        pool: str,
        descriptor: Descriptor | None,
        shares: tuple[NodeShare, ...],
        *,
        device_class: str | None = None,
        note: str = "",
        strategy: str = "",
        size: str = "",
        unit: dict[str, str] | None = None,
        extended_resource: str = "",
        beside_shared: bool = False,
    ) -> Kind:
        """A kind with an id of its own; ``size`` tells partitions of one model apart."""
        resource = name.rpartition("/")[2] if strategy and way == DEVICE_PLUGIN and model else ""
        rest = sum(len(slug(part)) + 1 for part in (way, resource or size, pool) if part)
        short = slug(model or name)[: max(_SHORTEST, LONGEST - rest)].strip("-")
        wanted = slug("-".join(filter(None, (way, short, resource or size, pool))))
        return Kind(
            id=unique(wanted, self.taken, f"{WITH}{strategy}" if strategy else ""),
            strategy=strategy,
            way=way,
            name=name,
            model=model,
            pool=pool,
            descriptor=descriptor.id if descriptor else None,
            device_class=device_class,
            nodes=shares,
            unit=unit or {},
            extended_resource=extended_resource,
            beside_shared=beside_shared,
            note=note,
        )


@lru_cache(maxsize=4096)
def ignored(name: str) -> bool:
    """Whether a driver or resource is known to give no accelerator."""
    return any(fnmatchcase(name, glob) for glob in _others())


@cache
def _others() -> tuple[str, ...]:
    return other_devices()
