"""Parts that a testbed has only where asked for: Prometheus, KEDA and Karpenter, each the real one, and devices that are shared."""

import base64
import re
import urllib.request
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from . import accelerators, images
from .build import Cache
from .kubectl import Kubectl
from .network import CONTROL_PLANE
from .node_files import NAMES
from .parts import Parts
from .paths import MANIFESTS, State
from .shell import TestbedError

KARPENTER, KEDA, PROMETHEUS, _ = ADD_ONS = ("karpenter", "keda", "prometheus", accelerators.SHARING)
WEBHOOK_PORT = 9444
SECONDS = 120


@dataclass(frozen=True)
class Place:
    """The running cluster that an add-on is added to."""

    state: State
    cache: Cache
    parts: Parts
    kubectl: Kubectl


def parse(words: str) -> tuple[str, ...]:
    """Names with commas between them."""
    names = tuple(sorted(set(filter(None, words.split(",")))))
    for name in names:
        if name not in ADD_ONS:
            raise TestbedError(f"{name!r} is no add-on; there are {', '.join(ADD_ONS)}")
    return names


def start(place: Place, names: Collection[str]) -> None:
    """Start all of these at once and wait until they work; with any of them the webhook that some of their faults need."""
    if not names:
        return
    start_webhook(place)
    with ThreadPoolExecutor(max_workers=len(names)) as workers:
        for one in [workers.submit(STARTS[name], place) for name in names if name in STARTS]:
            one.result()


def answers(url: str) -> bool:
    """Whether something says over HTTP that it is well."""
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except OSError:
        return False


def start_webhook(place: Place) -> None:
    """The webhook is reached by its address, so it needs no Service."""
    files = place.state.certificates
    options = [f"--address={CONTROL_PLANE}:{WEBHOOK_PORT}", f"--switches={place.state.switches}"]
    options += [f"--certificate={files}/webhook.crt", f"--key={files}/webhook.key"]
    place.parts.start("webhook", [place.cache.file("driver"), "webhook", *options])
    authority = base64.b64encode((files / "ca.crt").read_bytes()).decode()
    place.kubectl.apply((MANIFESTS / "webhook.yaml").read_text().replace("{authority}", authority))


def start_prometheus(place: Place) -> None:
    """Prometheus as a pod, as most clusters have it."""
    place.kubectl.apply((MANIFESTS / "prometheus.yaml").read_text().replace("{node}", NAMES[-1]))
    place.kubectl.wait("deployment/prometheus", "condition=Available", "monitoring", SECONDS)


def keda_manifests(place: Place) -> str:
    """KEDA's own manifests, with the image that is there, on the node that has it, and without the long wait before the first look."""
    text = place.kubectl("kustomize", place.cache.file("keda-config") / "default")
    text = re.sub(r"image: ghcr\.io/kedacore/\S+", f"image: {images.KEDA}", text)
    for old, new in (
        ("imagePullPolicy: Always", "imagePullPolicy: IfNotPresent"),
        ("kubernetes.io/os: linux", f"kubernetes.io/hostname: {NAMES[-1]}"),
        ("initialDelaySeconds: 20", "initialDelaySeconds: 1"),
    ):
        text = text.replace(old, new)
    return text


def start_keda(place: Place) -> None:
    """KEDA as pods: the operator, the server of external metrics, the admission webhooks."""
    place.kubectl.apply(keda_manifests(place))
    for name in ("keda-operator", "keda-metrics-apiserver", "keda-admission"):
        place.kubectl.wait(f"deployment/{name}", "condition=Available", KEDA, SECONDS)
    place.kubectl.wait("apiservice/v1beta1.external.metrics.k8s.io", "condition=Available", seconds=SECONDS)


def start_karpenter(place: Place) -> None:
    """Karpenter as a pod, and the pool with its first node."""
    kubectl, manifests = place.kubectl, MANIFESTS / "karpenter"
    kubectl.apply(place.cache.file("karpenter.yaml").read_text())
    for plural in ("nodepools.karpenter.sh", "nodeclaims.karpenter.sh", "kwoknodeclasses.karpenter.kwok.sh"):
        kubectl.wait(f"customresourcedefinition/{plural}", "condition=Established")
    kubectl.apply((manifests / "controller.yaml").read_text().replace("{node}", NAMES[-1]))
    kubectl.apply((manifests / "pool.yaml").read_text())
    kubectl.wait("deployment/karpenter", "condition=Available", "kube-system", SECONDS)
    kubectl.wait("deployment/keeps-a-node", "condition=Available", "testbed", SECONDS)


STARTS: dict[str, Callable[[Place], None]] = {
    KARPENTER: start_karpenter,
    KEDA: start_keda,
    PROMETHEUS: start_prometheus,
}
