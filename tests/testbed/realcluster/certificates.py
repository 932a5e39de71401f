"""Keys, certificates and kubeconfigs: one authority of the cluster's own, and one identity for each part, so that RBAC is real."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from .network import CONTROL_PLANE
from .paths import State
from .shell import run

SERVICE = "kubernetes.default.svc.cluster.local"
SERVER_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", SERVICE)
SERVER_ADDRESSES = ("127.0.0.1", CONTROL_PLANE, "10.96.0.1")
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "365")
INSIDE = f"https://{CONTROL_PLANE}:6443"


@dataclass(frozen=True)
class Authority:
    """A certificate authority in a folder."""

    folder: Path
    name: str

    @property
    def certificate(self) -> Path:
        return self.folder / f"{self.name}.crt"

    @property
    def key(self) -> Path:
        return self.folder / f"{self.name}.key"

    def create(self) -> None:
        """Make the authority's own key and certificate."""
        run("openssl", "req", "-x509", *KEY, "-subj", f"/CN={self.name}", "-keyout", self.key, "-out", self.certificate)

    def issue(self, name: str, subject: str, *extensions: str) -> None:
        """Make a key and a certificate `name` for a subject such as `/O=group/CN=user`."""
        extra = [word for extension in extensions for word in ("-addext", extension)]
        leaf = ("-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=clientAuth,serverAuth")
        signer = ("-CA", self.certificate, "-CAkey", self.key)
        files = ("-keyout", self.folder / f"{name}.key", "-out", self.folder / f"{name}.crt")
        run("openssl", "req", "-x509", *KEY, *signer, "-subj", subject, *leaf, *extra, *files)


def identities(nodes: list[str]) -> dict[str, str]:
    """Everyone who talks to the API server, and as whom."""
    parts = {
        "admin": "/O=system:masters/CN=admin",
        "kube-controller-manager": "/CN=system:kube-controller-manager",
        "kube-scheduler": "/CN=system:kube-scheduler",
        "kube-proxy": "/CN=system:kube-proxy",
        "coredns": "/O=testbed:dns/CN=coredns",
        "kubelet-client": "/O=system:masters/CN=kube-apiserver-kubelet-client",
    }
    for node in nodes:
        parts[f"kubelet-{node}"] = f"/O=system:nodes/CN=system:node:{node}"
        parts[f"driver-{node}"] = f"/O=testbed:drivers/CN=driver-{node}"
    return parts


def create(state: State, nodes: list[str]) -> None:
    """Make everything new for a new cluster."""
    folder = state.certificates
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    authority = Authority(folder, "ca")
    authority.create()
    names = [f"DNS:{name}" for name in SERVER_NAMES] + [f"IP:{address}" for address in SERVER_ADDRESSES]
    authority.issue("apiserver", "/CN=kube-apiserver", "subjectAltName=" + ",".join(names))
    authority.issue("webhook", "/CN=webhook", f"subjectAltName=IP:{CONTROL_PLANE}")
    for who, subject in identities(nodes).items():
        authority.issue(who, subject)
        state.kubeconfig(who).write_text(kubeconfig(state, who, INSIDE))
    proxy_authority = Authority(folder, "front-proxy-ca")
    proxy_authority.create()
    proxy_authority.issue("front-proxy", "/CN=front-proxy")
    run("openssl", "genrsa", "-out", folder / "service-accounts.key", "2048")


def kubeconfig(state: State, who: str, server: str) -> str:
    """A kubeconfig that carries its certificates in itself, so that it can be copied anywhere."""

    def content(name: str) -> str:
        return base64.b64encode((state.certificates / name).read_bytes()).decode()

    cluster = {"server": server, "certificate-authority-data": content("ca.crt")}
    user = {"client-certificate-data": content(f"{who}.crt"), "client-key-data": content(f"{who}.key")}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "testbed", "cluster": cluster}],
        "users": [{"name": who, "user": user}],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": who}}],
        "current-context": "testbed",
    }
    return json.dumps(document, indent=1)
