"""Watches begin where they are told, see through their selectors, and end as the real ones do."""

import itertools
from typing import Any

from tests.simulator.client import Client

MAPS = "/api/v1/namespaces/{}/configmaps"


def change(client: Client, path: str, **labels: Any) -> None:
    client.call("PATCH", path, {"metadata": {"labels": labels}}, "application/merge-patch+json")


def test_watch_from_a_version_sees_what_came_after(client: Client, namespace: str) -> None:
    path = MAPS.format(namespace)
    revision = client.get(path)["metadata"]["resourceVersion"]
    client.create(path, {"metadata": {"name": "a"}})
    client.call("DELETE", f"{path}/a")
    seen = []
    for event in client.watch(f"{path}?watch=1&resourceVersion={revision}&timeoutSeconds=20"):
        seen.append((event["type"], event["object"]["metadata"]["name"]))
        if event["type"] == "DELETED":
            break
    assert seen == [("ADDED", "a"), ("DELETED", "a")]


def test_object_that_leaves_the_selection_is_deleted_for_the_watcher(client: Client, namespace: str) -> None:
    path = MAPS.format(namespace)
    revision = client.get(path)["metadata"]["resourceVersion"]
    client.create(path, {"metadata": {"name": "a"}})
    for labels in ({"c": "red"}, {"c": "red", "d": "x"}, {"c": "blue"}):
        change(client, f"{path}/a", **labels)
    query = f"{path}?watch=1&labelSelector=c=red&resourceVersion={revision}&timeoutSeconds=1"
    assert [event["type"] for event in client.watch(query)] == ["ADDED", "MODIFIED", "DELETED"]


def test_version_from_before_the_log_is_gone(client: Client) -> None:
    event = next(client.watch("/api/v1/nodes?watch=1&resourceVersion=1"))
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")


def test_initial_events_end_with_a_bookmark(client: Client, namespace: str) -> None:
    query = "watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1"
    events = list(itertools.islice(client.watch(f"{MAPS.format(namespace)}?{query}"), 2))
    assert [event["type"] for event in events] == ["ADDED", "BOOKMARK"]
    assert events[-1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_watch_ends_after_its_time(client: Client, namespace: str) -> None:
    names = [
        e["object"]["metadata"]["name"] for e in client.watch(f"{MAPS.format(namespace)}?watch=1&timeoutSeconds=1")
    ]
    assert names == ["kube-root-ca.crt"]
