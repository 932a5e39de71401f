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
    rows = [{"cells": [column.cell(obj) for column in columns], "object": _carried(obj, include)} for obj in objects]
    return {
        "kind": "Table",
        "apiVersion": PARTIAL,
        "metadata": meta,
        "columnDefinitions": [column.definition() for column in columns],
        "rows": rows,
    }


def _carried(obj: Obj, include: str) -> Obj | None:
    return None if include == "None" else obj if include == "Object" else partial(obj)
