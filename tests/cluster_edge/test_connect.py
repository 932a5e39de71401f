"""Every way in which no connection comes about is one line with its cure."""

import json
from pathlib import Path

import pytest

from conformance.cluster import connect
from conformance.errors import ClusterError, ConfigurationError
from tests.cluster_edge.conftest import Script


def _kubeconfig(folder: Path, url: str) -> str:
    file = folder / "config"
    entry = {"name": "c", "cluster": {"server": url}}
    contexts = [{"name": "c", "context": {"cluster": "c", "user": "c"}}]
    users = [{"name": "c", "user": {"token": "t"}}]
    content = {"clusters": [entry], "contexts": contexts, "users": users, "current-context": "c"}
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **content}))
    return str(file)


@pytest.mark.parametrize("text", ["", "[", "[]", "text", "contexts: 3", "{}"])
def test_a_broken_kubeconfig_is_one_line_with_its_place(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        connect(str(file))
    assert str(file) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_kubeconfig_says_the_cure(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--kubeconfig"):
        connect(str(tmp_path / "none"))


def test_an_unknown_context_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="it has c"):
        connect(_kubeconfig(tmp_path, "http://127.0.0.1:1"), "other")


def test_an_unreachable_server_is_a_cluster_error(tmp_path: Path, pauses: list[float]) -> None:
    with pytest.raises(ClusterError, match="not reachable"):
        connect(_kubeconfig(tmp_path, "http://127.0.0.1:1"))
    assert pauses


def test_a_server_that_does_not_know_us_is_a_cluster_error(tmp_path: Path, script: Script) -> None:
    script.say(401)
    with pytest.raises(ClusterError, match="renew the token"):
        connect(_kubeconfig(tmp_path, script.url))
