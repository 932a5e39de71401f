"""Lists and objects as Tables."""

from collections.abc import Iterable

from conformance.simulator.kinds import Kind
from conformance.simulator.kinds.columns import columns_of
from conformance.simulator.objects import Obj

PARTIAL = "meta.k8s.io/v1"


def partial(obj: Obj) -> Obj:
    """Only the metadata of an object."""
    return {"kind": "PartialObjectMetadata", "apiVersion": PARTIAL, "metadata": obj["metadata"]}


def table(kind: Kind, objects: Iterable[Obj], meta: Obj, include: str = "Metadata") -> Obj:
    """A Table; ``include`` says how much of each object its row carries."""
    columns = columns_of(kind)
    carried = {"None": lambda _obj: None, "Object": lambda obj: obj}.get(include, partial)
    rows = [{"cells": [column.cell(obj) for column in columns], "object": carried(obj)} for obj in objects]
    return {
        "kind": "Table",
        "apiVersion": PARTIAL,
        "metadata": meta,
        "columnDefinitions": [column.definition() for column in columns],
        "rows": rows,
    }
