"""The control plane: etcd, the API server, the controllers and the scheduler, each as a plain process with its own identity."""

import ssl
import urllib.request
from collections.abc import Iterable
from pathlib import Path

from .build import Cache
from .network import CONTROL_PLANE, SERVICES
from .parts import Parts
from .paths import State
from .shell import until

GATES = "--feature-gates=GenericWorkload=true"
ETCD = "http://127.0.0.1:2379"


def etcd(state: State) -> list[str]:
    """The store; it need not survive a power cut, so it does not wait for the disk."""
    peers = "http://127.0.0.1:2380"
    return [
        f"--data-dir={state.folder / 'etcd'}",
        "--unsafe-no-fsync",
        f"--listen-client-urls={ETCD}",
        f"--advertise-client-urls={ETCD}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
    ]


def api_server(state: State) -> list[str]:
    """The API with everything it can serve switched on, ready for aggregated APIs."""
    files = state.certificates
    return [
        f"--etcd-servers={ETCD}",
        f"--advertise-address={CONTROL_PLANE}",
        "--runtime-config=api/all=true",
        GATES,
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged",
        f"--service-cluster-ip-range={SERVICES}",
        f"--cert-dir={files}",
        f"--tls-cert-file={files}/apiserver.crt",
        f"--tls-private-key-file={files}/apiserver.key",
        f"--client-ca-file={files}/ca.crt",
        f"--service-account-key-file={files}/service-accounts.key",
        f"--service-account-signing-key-file={files}/service-accounts.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--kubelet-client-certificate={files}/kubelet-client.crt",
        f"--kubelet-client-key={files}/kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
        f"--requestheader-client-ca-file={files}/front-proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={files}/front-proxy.crt",
        f"--proxy-client-key-file={files}/front-proxy.key",
        "--enable-aggregator-routing",
    ]


def client(state: State, who: str, gates: str = GATES) -> list[str]:
    """Options of a part that watches the API: how to reach it, and who it asks whether a caller of its own port is allowed to."""
    config = state.kubeconfig(who)
    delegated = [f"--authentication-kubeconfig={config}", f"--authorization-kubeconfig={config}"]
    return [f"--kubeconfig={config}", *delegated, "--leader-elect=false", gates]


def controller_manager(state: State, controllers: str = "*") -> list[str]:
    """The controllers, each with its own service account; all that are on by default unless told."""
    files = state.certificates
    return [
        *client(state, "kube-controller-manager"),
        f"--cert-dir={files}",
        f"--controllers={controllers}",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={files}/service-accounts.key",
        f"--root-ca-file={files}/ca.crt",
        f"--cluster-signing-cert-file={files}/ca.crt",
        f"--cluster-signing-key-file={files}/ca.key",
        "--horizontal-pod-autoscaler-sync-period=5s",
        "--horizontal-pod-autoscaler-downscale-stabilization=5s",
    ]


def scheduler(state: State, gates: str = GATES) -> list[str]:
    """The scheduler; without the gate it places each pod of a gang for itself."""
    return [*client(state, "kube-scheduler", gates), f"--cert-dir={state.certificates}"]


def restart_controller_manager(parts: Parts, cache: Cache, without: Iterable[str]) -> None:
    """Let the controllers start anew, without some of them."""
    name = "kube-controller-manager"
    controllers = ",".join(["*", *(f"-{controller}" for controller in sorted(without))])
    parts.restart(name, [cache.file("kubernetes"), name, *controller_manager(parts.state, controllers)])
    until(lambda: healthy(10257), "the controllers to be back", 20, f"see {parts.state.log(name)}")


def restart_scheduler(parts: Parts, cache: Cache, *, gangs: bool) -> None:
    """Let the scheduler start anew, with or without gang scheduling; the API serves gangs all the same."""
    name = "kube-scheduler"
    gates = GATES if gangs else GATES.replace("true", "false")
    parts.restart(name, [cache.file("kubernetes"), name, *scheduler(parts.state, gates)])
    until(lambda: healthy(10259), "the scheduler to be back", 20, f"see {parts.state.log(name)}")


def healthy(port: int) -> bool:
    """Whether a part of the control plane says that it is well; its certificate is its own, made when it starts."""
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(f"https://127.0.0.1:{port}/healthz", timeout=1, context=anybody):
            return True
    except OSError:
        return False


def coredns(state: State, manifests: Path) -> list[str]:
    """Names of services, answered from a process beside the control plane."""
    text = (manifests / "Corefile").read_text().replace("{kubeconfig}", str(state.kubeconfig("coredns")))
    corefile = state.folder / "Corefile"
    corefile.write_text(text)
    return [f"-conf={corefile}"]


def kwok(state: State, manifests: Path) -> list[str]:
    """Fake nodes: every Node with the annotation is kept Ready, and its pods seem to run."""
    stages = [f"--config={path}" for path in sorted((manifests / "stages").glob("*.yaml"))]
    chosen = "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake"
    return [
        f"--kubeconfig={state.kubeconfig('admin')}",
        chosen,
        *stages,
        "--node-lease-duration-seconds=40",
        "--cidr=10.250.0.1/16",
        "--node-ip=198.18.1.1",
    ]


def start_store_and_api(parts: Parts, cache: Cache) -> None:
    """What everything else needs first."""
    binary = cache.file("kubernetes")
    parts.start("etcd", [binary, "etcd", *etcd(parts.state)])
    parts.start("kube-apiserver", [binary, "kube-apiserver", *api_server(parts.state)])


def start_controllers(parts: Parts, cache: Cache, manifests: Path) -> None:
    """What works on the API's objects."""
    state, binary = parts.state, cache.file("kubernetes")
    parts.start("kube-controller-manager", [binary, "kube-controller-manager", *controller_manager(state)])
    parts.start(
        "kube-scheduler",
        [binary, "kube-scheduler", *scheduler(state)],
    )
    parts.start("coredns", [cache.file("coredns"), *coredns(state, manifests)])
    parts.start("kwok", [cache.file("kwok"), *kwok(state, manifests)])
    rogue = [f"--kubeconfig={state.kubeconfig('admin')}", f"--switches={state.switches}"]
    parts.start("rogue", [cache.file("driver"), "rogue", *rogue])
