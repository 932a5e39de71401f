"""Which RuntimeClasses an attack by environment is tried under (node.k8s.io/v1, RuntimeClass): a vendor's own before all others."""

from collections.abc import Iterable, Mapping, Sequence

from conformance.cluster.api import Object
from conformance.inventory import odd

MOST = 5
"""RuntimeClasses that are tried at most."""
_NO_VENDOR = {"all", "devices", "modules", "visible"}
"""Words in the names of variables that open devices, beside the vendor's own."""


def vendors(variables: Iterable[str]) -> set[str]:
    """The vendors' names in their variables: ``nvidia`` in ``NVIDIA_VISIBLE_DEVICES``."""
    return {word for name in variables for word in name.lower().split("_")} - _NO_VENDOR


def to_try(found: Iterable[Object], labels: Mapping[str, str], words: Iterable[str]) -> tuple[list[str], list[str]]:
    """Names of the classes that are tried, and of those that are too many; what other nodes run is neither.

    First those that are called like a vendor (by name or handler), the shortest name first, because Kata Containers alone brings
    more classes than are tried, some of which have a vendor's name in theirs.
    """
    here = [item for item in found if odd.name(item) and _runs_on(item, labels)]
    names = [odd.name(item) for item in sorted(here, key=lambda item: _rank(item, sorted(words)))]
    return names[:MOST], names[MOST:]


def _runs_on(item: Object, labels: Mapping[str, str]) -> bool:
    """Whether the class lets pods run on a node with these labels (``scheduling.nodeSelector``)."""
    return odd.part(item, "scheduling", "nodeSelector").items() <= labels.items()


def _rank(item: Object, words: Sequence[str]) -> tuple[bool, int, str]:
    name = odd.name(item)
    likely = any(word in text for word in words for text in (name.lower(), str(item.get("handler")).lower()))
    return not likely, len(name) if likely else 0, name
