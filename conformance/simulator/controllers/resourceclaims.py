"""Resource claims: made from templates for pods, released when their pods are finished or gone."""

from typing import TYPE_CHECKING, ClassVar

from conformance.simulator.api.errors import Refused
from conformance.simulator.api.options import Options
from conformance.simulator.controllers.base import Controller, Key
from conformance.simulator.objects import Obj, deleting, dig, finished, name_of, namespace_of, thaw, uid_of
from conformance.simulator.placement.membership import stopped_early
from conformance.simulator.storage import Event

if TYPE_CHECKING:
    from conformance.simulator.cluster import Cluster

_CLAIMS, _TEMPLATES = "resourceclaims.resource.k8s.io", "resourceclaimtemplates.resource.k8s.io"
FINALIZER = "resource.kubernetes.io/delete-protection"
_ANNOTATION = "resource.kubernetes.io/pod-claim-name"


class ResourceClaims(Controller):
    """Keys are pods (``pod/NAME``) and claims (``claim/NAME``)."""

    watches: ClassVar[tuple[str, ...]] = ("pods", _CLAIMS, _TEMPLATES)

    def __init__(self, cluster: "Cluster") -> None:
        super().__init__(cluster)
        self._kept: set[Key] = set()

    def keys(self, event: Event) -> list[Key]:
        """The object itself, and the claims that its pod uses or the pods that wait for a template."""
        space, name = namespace_of(event.obj), name_of(event.obj)
        if event.resource == _CLAIMS:
            return [(space, f"claim/{name}")]
        if event.resource == _TEMPLATES:
            return [(space, f"pod/{name_of(pod)}") for pod in self.store.select("pods", space)]
        if not self.cluster.switches.gang.releases and stopped_early(event):
            self._kept |= {(space, claim) for claim in claim_names(event.obj)}
        used = [f"claim/{claim}" for claim in claim_names(event.obj)]
        return [(space, f"pod/{name}"), *((space, claim) for claim in used)]

    def reconcile(self, namespace: str, name: str) -> None:
        """Make the claims of a pod, or release a claim."""
        sort, _, short = name.partition("/")
        if sort == "pod":
            self._pod(namespace, short)
        else:
            self._claim(namespace, short)

    def _pod(self, namespace: str, name: str) -> None:
        pod = self.registry.find("pods", namespace, name)
        if pod is None or deleting(pod) or finished(pod) or not self.cluster.switches.claims.generates:
            return
        known = {s["name"] for s in dig(pod, "status", "resourceClaimStatuses", default=[])}
        for entry in pod["spec"].get("resourceClaims") or ():
            if entry.get("resourceClaimTemplateName") and entry["name"] not in known:
                self._generate(pod, entry)

    def _generate(self, pod: Obj, entry: Obj) -> None:
        space, wanted = namespace_of(pod), entry["resourceClaimTemplateName"]
        template = self.registry.find(_TEMPLATES, space, wanted)
        if template is None:
            words = f'PodResourceClaim {entry["name"]}: resource claim template "{wanted}": resourceclaimtemplate.resource.k8s.io "{wanted}" not found'
            self.cluster.recorder.event(
                pod, "Warning", "FailedResourceClaimCreation", words, component="resource_claim"
            )
            return
        meta = thaw(dig(template, "spec", "metadata", default={}))
        meta["annotations"] = {**(meta.get("annotations") or {}), _ANNOTATION: entry["name"]}
        meta["generateName"] = f"{name_of(pod)}-{entry['name']}-"
        owner = {"apiVersion": "v1", "kind": "Pod", "name": name_of(pod), "uid": uid_of(pod), "controller": True}
        meta["ownerReferences"] = [owner]
        body = {"metadata": meta, "spec": thaw(template["spec"]["spec"])}
        try:
            claim = self.registry.create(self.registry.kinds.get(_CLAIMS), space, body)
        except Refused as refused:
            words = f"PodResourceClaim {entry['name']}: {refused.message}"
            self.cluster.recorder.event(
                pod, "Warning", "FailedResourceClaimCreation", words, component="resource_claim"
            )
            return

        def note(obj: Obj) -> None:
            statuses = obj["status"].setdefault("resourceClaimStatuses", [])
            statuses.append({"name": entry["name"], "resourceClaimName": name_of(claim)})

        self.registry.change("pods", space, name_of(pod), note, sub="status")

    def _claim(self, namespace: str, name: str) -> None:
        claim = self.registry.find(_CLAIMS, namespace, name)
        if claim is None or not self.cluster.switches.claims.releases or (namespace, name) in self._kept:
            return
        users = dig(claim, "status", "reservedFor", default=[])
        left = [user for user in users if self._uses(namespace, user)]
        if (
            left != users
            or (not left and dig(claim, "status", "allocation"))
            or (not dig(claim, "status", "allocation") and FINALIZER in (claim["metadata"].get("finalizers") or ()))
        ):
            self._release(claim, left)
        self._delete_generated(namespace, name)

    def _uses(self, namespace: str, user: Obj) -> bool:
        if user.get("resource") != "pods":
            return True
        pod = self.registry.find("pods", namespace, user["name"])
        return pod is not None and uid_of(pod) == user["uid"] and not finished(pod)

    def _release(self, claim: Obj, left: list[Obj]) -> None:
        def free(obj: Obj) -> None:
            if left:
                obj["status"]["reservedFor"] = left
            else:
                obj["status"] = {}

        def unprotect(obj: Obj) -> None:
            kept = [f for f in obj["metadata"].get("finalizers") or () if f != FINALIZER]
            obj["metadata"].pop("finalizers", None)
            if kept:
                obj["metadata"]["finalizers"] = kept

        where = (_CLAIMS, namespace_of(claim), name_of(claim))
        self.registry.change(*where, free, sub="status")
        if not left:
            self.registry.change(*where, unprotect)

    def _delete_generated(self, namespace: str, name: str) -> None:
        """A claim made for a pod goes when that is finished or replaced; when it is gone, garbage collection takes it."""
        claim = self.registry.find(_CLAIMS, namespace, name)
        if claim is None or deleting(claim) or dig(claim, "status", "reservedFor"):
            return
        owners = claim["metadata"].get("ownerReferences") or ()
        owner = next((o for o in owners if o.get("controller") and o.get("kind") == "Pod"), None)
        pod = self.registry.find("pods", namespace, owner["name"]) if owner else None
        if pod is not None and owner and (uid_of(pod) != owner["uid"] or finished(pod)):
            self.registry.delete(self.registry.kinds.get(_CLAIMS), namespace, name, Options())


def claim_names(pod: Obj) -> list[str]:
    """Names of the claims that a pod uses, as far as they exist; last the one for its extended resources."""
    direct = [c["resourceClaimName"] for c in pod["spec"].get("resourceClaims") or () if c.get("resourceClaimName")]
    made = dig(pod, "status", "resourceClaimStatuses", default=[])
    special = dig(pod, "status", "extendedResourceClaimStatus", "resourceClaimName")
    names = direct + [s["resourceClaimName"] for s in made if s.get("resourceClaimName")]
    return [*names, *([special] if special else [])]
