"""Which worker runs which check: those that hold the same accelerators go to one worker, all others are free.

Workers that wait for each other's accelerators would only stand in a queue. xdist's own scheduling by scope comes near, but
runs a check again after it killed its worker; here such a check is not tried twice.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from conformance.run.plan import Planned, id_of_node

AHEAD = 2
"""Items that a worker holds: a worker begins one only when it knows the next one, or that there is none."""


class Node(Protocol):
    """What is used of a worker of xdist."""

    @property
    def shutting_down(self) -> bool:
        """Whether it has been told that nothing more comes."""

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        """Hand items over."""

    def shutdown(self) -> None:
        """Say that nothing more comes."""


class Scheduling:
    """Scheduler of xdist (its protocol ``xdist.scheduler.Scheduling``)."""

    def __init__(self, plan: Mapping[str, Planned], workers: int) -> None:
        self._plan, self._workers = plan, workers
        self._collections: dict[Node, list[str]] = {}
        self._pending: dict[Node, list[int]] = {}
        self._chain: dict[Node, list[int]] = {}
        """What is kept for a worker because it holds the accelerators already."""
        self._queue: list[list[int]] = []
        self.collection: list[str] | None = None

    @property
    def nodes(self) -> list[Node]:
        """Workers that are up."""
        return list(self._pending)

    @property
    def collection_is_completed(self) -> bool:
        """Whether every worker has told what it collected."""
        return self.collection is not None or len(self._collections) >= self._workers

    @property
    def tests_finished(self) -> bool:
        """Whether everything is handed out and no worker holds more than its last item."""
        held = any(len(pending) >= AHEAD for pending in self._pending.values())
        return self.collection_is_completed and not held and not self._waiting()

    @property
    def has_pending(self) -> bool:
        """Whether anything still has to run."""
        return self._waiting() or any(self._pending.values())

    def _waiting(self) -> bool:
        return bool(self._queue) or any(self._chain.values())

    def add_node(self, node: Node) -> None:
        """A worker is up."""
        self._pending[node], self._chain[node] = [], []

    def add_node_collection(self, node: Node, collection: Sequence[str]) -> None:
        """A worker has collected; one that collected something else gets nothing to do."""
        if self.collection is not None and list(collection) != self.collection:
            return
        self._collections[node] = list(collection)

    def schedule(self) -> None:
        """Begin, or feed a worker that came later."""
        if self.collection is None:
            first, *others = self._collections.values()
            if any(other != first for other in others):
                raise RuntimeError("the workers collected different checks")
            self.collection = first
            self._queue = self._chains(first)
        for node in self.nodes:
            self._feed(node)

    def _chains(self, collection: Sequence[str]) -> list[list[int]]:
        chains: dict[str, list[int]] = {}
        for index, nodeid in enumerate(collection):
            planned = self._plan.get(id_of_node(nodeid))
            chains.setdefault("+".join(planned.locks) if planned and planned.locks else nodeid, []).append(index)
        weight: Callable[[list[int]], float] = lambda chain: sum(self._longest(collection[index]) for index in chain)  # noqa: E731
        return sorted(chains.values(), key=weight, reverse=True)

    def _longest(self, nodeid: str) -> float:
        planned = self._plan.get(id_of_node(nodeid))
        return planned.longest if planned else 0.0

    def _feed(self, node: Node) -> None:
        if node.shutting_down or node not in self._collections:
            return
        while len(self._pending[node]) < AHEAD:
            if not self._chain[node]:
                if not self._queue:
                    node.shutdown()
                    return
                self._chain[node] = self._queue.pop(0)
            index = self._chain[node].pop(0)
            self._pending[node].append(index)
            node.send_runtest_some([index])

    def mark_test_complete(self, node: Node, item_index: int, _duration: float = 0) -> None:
        """A worker has run an item."""
        self._pending[node].remove(item_index)
        self._feed(node)

    def remove_node(self, node: Node) -> str | None:
        """A worker is gone; returns what it ran when it died, and keeps the rest for others."""
        pending, chain = self._pending.pop(node), self._chain.pop(node)
        self._collections.pop(node, None)
        if not pending or self.collection is None:
            return None
        died, *rest = pending
        self._queue[:0] = [left] if (left := rest + chain) else []
        for other in self.nodes:
            self._feed(other)
        return self.collection[died]

    def mark_test_pending(self, item: str) -> None:
        """Run an item again; nobody asks for that here."""
        raise NotImplementedError(item)

    def remove_pending_tests_from_node(self, node: Node, indices: Sequence[int]) -> None:
        """Answer to stealing, which is not done here."""
        raise NotImplementedError(f"{node}: {indices}")
