"""The place where one check works: a namespace with Pod Security ``restricted``, a quota and the probe program.

Everything in it carries the run's label. Cleaning up waits until pods, claims and the namespace are gone; what stays is
listed by name, never forgiven.
"""

from collections.abc import Container, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from conformance import content
from conformance.cluster import errors, waiting
from conformance.cluster.api import Api, Object
from conformance.cluster.settings import Settings
from conformance.evidence import Evidence
from conformance.probes import claims, names, pods
from conformance.probes.removal import Removal
from conformance.verdicts import Unknown, Unverified

GONE_SECONDS = 120.0
"""Limit for what was deleted to be gone; real namespaces took up to 94 s."""
LEAST_SECONDS = 20.0
"""Shortest limit after which a check fails for nothing but the time."""
READY_SECONDS = 60.0
PODS = 24
"""Pods that one check may have at once, unless it asks for room for more."""
PROGRAM = content.FIXTURES / "probe"
"""The files of the probe program, which travel together."""
_LEVEL = "pod-security.kubernetes.io/enforce"


class Sandbox:
    """Namespaces and objects of one check, made when first used and removed at the end."""

    def __init__(self, api: Api, *, run_id: str, check_id: str, settings: Settings, evidence: Evidence) -> None:
        self.api, self.settings, self.evidence = api, settings, evidence
        self.labels = names.labels(run_id, check_id)
        self.leftovers: list[str] = []
        self._run_id, self._check_id = run_id, check_id
        self._namespaces: dict[str, Object] = {}
        self._cluster_scoped: list[tuple[str, Object]] = []
        self._own: list[tuple[str, Object]] = []
        self._claim_collections: set[str] = set()
        self._with_nvml: set[str] = set()
        self._pods, self._cpu = PODS, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if not self.settings.keep:
            self.clean()

    @property
    def own(self) -> str:
        """Value of the label that everything of this check carries."""
        return self.labels[names.SANDBOX_LABEL]

    def limit(self, seconds: float) -> float:
        """A limit in seconds after ``--timeout-scale``."""
        return self.settings.limit(seconds)

    def deciding(self, seconds: float) -> float:
        """A limit after which a check fails for nothing but the time: a short ``--timeout-scale`` makes it no shorter than 20 s.

        Else a right cluster on a busy machine would fail where the factor is small.
        """
        return max(self.limit(seconds), min(seconds, LEAST_SECONDS))

    def make_room(self, count: int, *, cpu: int = 0) -> None:
        """Let the check have so many pods at once, and CPU in thousandths for them all; before its namespace is made."""
        self._pods, self._cpu = max(self._pods, count), max(self._cpu, cpu)

    def namespace(self, level: str = "restricted") -> str:
        """Name of the namespace with this Pod Security level, made when first asked for; a given one is what it is."""
        level = "given" if self.settings.namespace else level
        if level not in self._namespaces:
            self._namespaces[level] = self._adopt() if self.settings.namespace else self._make(level)
            self._furnish(self._namespaces[level]["metadata"]["name"])
        return str(self._namespaces[level]["metadata"]["name"])

    def labelled_namespace(self, suffix: str, labels: Mapping[str, str]) -> str:
        """An empty namespace of our own with further labels, made when first asked for; not where one was given."""
        if suffix not in self._namespaces:
            self._namespaces[suffix] = self._make("restricted", suffix, labels)
        return str(self._namespaces[suffix]["metadata"]["name"])

    def _adopt(self) -> Object:
        """The namespace that the user gave; it is not ours to change or delete."""
        return {"metadata": {"name": self.settings.namespace}}

    def _make(self, level: str, suffix: str = "", more: Mapping[str, str] | None = None) -> Object:
        suffix = suffix or ("" if level == "restricted" else level)
        name = names.check_namespace(self._run_id, self._check_id, suffix)
        labels = {**self.labels, _LEVEL: level, f"{_LEVEL}-version": "latest", **(more or {})}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        made = self.api.create("/api/v1/namespaces", body)
        self.evidence.step("made a namespace", observed=f"{name}, Pod Security {level}", obj=f"Namespace {name}")
        return made

    def _furnish(self, namespace: str) -> None:
        waiting.wait_exists(
            self.api, f"/api/v1/namespaces/{namespace}/serviceaccounts", "default", limit=self.limit(READY_SECONDS)
        )
        if not self.settings.namespace:
            quota = {
                "apiVersion": "v1",
                "kind": "ResourceQuota",
                "metadata": {"name": "bounds"},
                "spec": {"hard": bounds(self._pods, self._cpu)},
            }
            self.create("resourcequotas", quota, namespace=namespace)
        self.furnish_program(namespace, self.name(pods.PROGRAM))

    def furnish_program(self, namespace: str, name: str) -> None:
        """Put the probe program into a namespace."""
        self._put_program(namespace, name, {})

    def furnish_nvml(self, namespace: str) -> None:
        """Put the probe program with pynvml beside it into a namespace, once."""
        if namespace not in self._with_nvml:
            self._put_program(namespace, self.name(pods.WITH_NVML), bindings())
            self._with_nvml.add(namespace)

    def _put_program(self, namespace: str, name: str, more: Mapping[str, str]) -> None:
        program = {file.name: file.read_text(encoding="utf-8") for file in PROGRAM.glob("*.py")}
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
        self.create("configmaps", {**config, "data": {**program, **more}}, namespace=namespace)

    def name(self, name: str) -> str:
        """Name of an object of ours: as given in an own namespace, made unique in one that others use."""
        return f"{name}-{names.short(self._run_id + self._check_id)}" if self.settings.namespace else name

    def path(self, plural: str, *, namespace: str | None = None, group_version: str = "") -> str:
        """Collection of a namespaced type: ``pods``, or with ``resource.k8s.io/v1`` a type of that group."""
        base = f"/apis/{group_version}" if group_version else "/api/v1"
        return f"{base}/namespaces/{namespace or self.namespace()}/{plural}"

    def create(
        self,
        plural: str,
        body: Mapping[str, Any],
        *,
        namespace: str | None = None,
        group_version: str = "",
        record: bool = True,
    ) -> Object:
        """Create a namespaced object with our labels and keep what was sent as an artefact, unless it is one of many alike."""
        metadata = {**body["metadata"], "labels": {**body["metadata"].get("labels", {}), **self.labels}}
        path = self.path(plural, namespace=namespace, group_version=group_version)
        made = self.api.create(path, {**body, "metadata": metadata})
        if plural.startswith("resourceclaim"):
            self._claim_collections.add(self.path("resourceclaims", namespace=namespace, group_version=group_version))
        self._own.append((f"{path}/{made['metadata']['name']}", made))
        if record and plural != "configmaps":
            self.evidence.artefact(f"{plural}-{made['metadata']['name']}.json", body)
        return made

    def forget(self, paths: Container[str]) -> None:
        """Leave out of the clean-up what is known to be gone."""
        self._own = [entry for entry in self._own if entry[0] not in paths]

    def create_cluster_scoped(self, collection: str, body: Mapping[str, Any]) -> Object:
        """Create a cluster-scoped object with our labels; it is removed at the end."""
        metadata = {**body["metadata"], "labels": {**body["metadata"].get("labels", {}), **self.labels}}
        made = self.api.create(collection, {**body, "metadata": metadata})
        self._cluster_scoped.append((f"{collection}/{made['metadata']['name']}", made))
        return made

    def delete_pod(self, pod: Object) -> None:
        """Delete a pod of ours and wait until it is gone, so that what it held is free."""
        namespace, name, uid = pod["metadata"]["namespace"], pod["metadata"]["name"], pod["metadata"]["uid"]
        collection = self.path("pods", namespace=namespace)
        self.api.delete(f"{collection}/{name}", uid=uid)
        try:
            waiting.wait_gone(self.api, collection, name, uid=uid, limit=self.limit(GONE_SECONDS))
        except errors.WaitTimeout as error:
            raise Unverified(
                f"pod {name} was deleted and is still there after {error.seconds:.0f} s", code="pod_stays"
            ) from error

    def clean(self) -> None:
        """Remove everything that was made and list what stays.

        What makes pods goes first, then the pods and claims, and they are waited for, so that their devices are free for the
        next check. An own namespace is only told to go: the end of the run waits for all of them, because the server takes
        seconds for an empty one.
        """
        removal = Removal(self.api, limit=self.limit(GONE_SECONDS))
        going = removal.ask([entry for entry in self._own if _makes_others(*entry)])
        removal.remove([entry for entry in self._own if entry[1].get("kind") == "Pod"])
        mine = f"{names.SANDBOX_LABEL}={self.own}"
        for namespace in {_namespace(path) for path, _ in self._own}:
            removal.empty(self.path("pods", namespace=namespace), "Pod", mine)
        for collection in self._claim_collections:
            removal.empty(collection, "ResourceClaim", mine)
        removal.wait(going)
        removal.remove(self._cluster_scoped)
        removal.remove([entry for entry in self._own if not _makes_others(*entry) and self._stays(entry[0])])
        if not self.settings.namespace:
            removal.ask([(f"/api/v1/namespaces/{m['metadata']['name']}", m) for m in self._namespaces.values()])
        self.leftovers += removal.leftovers

    def _stays(self, path: str) -> bool:
        """Whether the object lies in a namespace that is not deleted at the end."""
        own = [] if self.settings.namespace else [made["metadata"]["name"] for made in self._namespaces.values()]
        return not any(f"/namespaces/{name}/" in path for name in own)


def bindings() -> dict[str, str]:
    """The module pynvml of nvidia-ml-py by its file name, from the suite's own environment. ``Unverified`` without it."""
    found = find_spec("pynvml")
    if found is None or not found.origin:
        raise Unverified("the suite's environment has no pynvml; install nvidia-ml-py", code="no_pynvml")
    return {"pynvml.py": Path(found.origin).read_text(encoding="utf-8")}


def bounds(count: int, cpu: int = 0) -> dict[str, str]:
    """Quota of a namespace for so many probe pods, with this CPU (in thousandths) where it is more than they usually ask for."""
    return {
        "pods": str(count),
        "requests.cpu": f"{max(2000, 10 * count, cpu)}m",
        "requests.memory": f"{max(2048, 32 * count)}Mi",
        "limits.cpu": f"{max(500 * count, cpu)}m",
        "limits.memory": f"{1024 * count}Mi",
    }


def _makes_others(path: str, made: Object) -> bool:
    """Whether an object may stand for pods that a controller makes: everything but core objects and those of DRA."""
    return path.startswith("/apis/") and not path.startswith(f"/apis/{claims.GROUP}/") and made.get("kind") != "Pod"


def _namespace(path: str) -> str:
    return path.partition("/namespaces/")[2].partition("/")[0]


def refused(error: errors.Forbidden, what: str) -> Unknown:
    """Admission refused an object although the authorizer allows it: quota, Pod Security or a policy."""
    return Unknown(f"{what} was refused by admission: {error.message}", code="admission_denied")
