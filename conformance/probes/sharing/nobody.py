"""What it means that nobody on a cluster hands out shares of devices: not applicable, failed or not to be judged."""

from collections.abc import Sequence
from typing import NoReturn

from conformance.inventory.descriptors import Descriptor
from conformance.inventory.kinds import Kind
from conformance.inventory.take import Inventory
from conformance.verdicts import Failure, NotApplicable, Unknown

_HARMLESS = ("is not served", "not ready or not schedulable")
"""How notes of the inventory end that hide no share: what is not there shares nothing, and such nodes run nothing new."""
_COUNTS_ONLY = ("list pods", "list resourceclaims")
"""Lists that tell what is free, and not what is there."""
LOOKED = "node labels and extended resources of device plugins, devices of ResourceSlices"


def shares(inventory: Inventory, descriptors: Sequence[Descriptor]) -> NoReturn:
    """Judge a cluster on which no share was found.

    Raises ``NotApplicable`` where every accelerator is known to be unable to share, ``Failure`` where some can and everything
    was seen, and ``Unknown`` otherwise: no accelerator, no descriptor, a descriptor that does not say it, something unseen.
    """
    must_see(inventory)
    kinds = inventory.pools or inventory.kinds
    known = {d.id: d for d in descriptors}
    can = {kind.title: _can(kind, known) for kind in kinds}
    unknown = [title for title, answer in can.items() if answer is None]
    if unknown:
        raise Unknown(
            f"whether it can be shared is not known of {', '.join(unknown)}: no descriptor says it (sharing.can)",
            code="no_descriptor",
        )
    silent = [f"{kind.title}: {kind.note}" for kind in kinds if kind.note]
    if silent:
        raise Unknown(
            f"no share was found, and not every device is seen: {'; '.join(silent)}", code="no_device_published"
        )
    if not any(can.values()):
        raise NotApplicable(f"no accelerator here can be shared, by its descriptor: {', '.join(can)}")
    must_be_told(inventory)
    able = [title for title, answer in can.items() if answer]
    raise Failure(
        "no_sharing",
        observed=f"no unit of {', '.join(able)} is a share of a device; looked at {LOOKED} of {inventory.nodes} nodes",
        expected="accelerators that can be shared are, by at least one way",
    )


def must_see(inventory: Inventory) -> None:
    """Raise ``Unknown`` where there is no accelerator, or where something could not be seen that may hide a share."""
    if not (inventory.pools or inventory.kinds):
        raise Unknown(inventory.why_none(), code="no_accelerator")
    unseen = [
        note for note in inventory.notes if not note.endswith(_HARMLESS) and not any(c in note for c in _COUNTS_ONLY)
    ]
    if unseen:
        forbidden = any(note.startswith("not allowed") for note in unseen)
        raise Unknown(
            f"no share was found, and not everything was seen: {'; '.join(unseen)}",
            code="forbidden" if forbidden else "not_all_seen",
        )


def must_be_told(inventory: Inventory) -> None:
    """Raise ``Unknown`` where units may be shares under the name of whole devices, because no label of their nodes tells it."""
    untold = [kind.title for kind in inventory.pools or inventory.kinds if kind.untold]
    if untold:
        raise Unknown(
            f"no label tells whether units of {', '.join(untold)} are whole devices or shares of them; install the vendor's "
            "feature discovery where it has one",
            code="sharing_not_told",
        )


def _can(kind: Kind, known: dict[str, Descriptor]) -> bool | None:
    descriptor = known.get(kind.descriptor or "")
    return None if descriptor is None else descriptor.can_share
