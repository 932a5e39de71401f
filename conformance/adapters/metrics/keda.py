"""KEDA: a ScaledObject makes a HorizontalPodAutoscaler on an external metric, which KEDA's own adapter serves (keda.sh/v1alpha1)."""

from conformance.adapters.look import Look
from conformance.adapters.metrics.apis import EXTERNAL, Provider
from conformance.inventory.solutions import METRICS, Solution

GROUP, PLURAL = "keda.sh", "scaledobjects"
CONTROLLERS = ("keda-operator", "keda-operator-metrics-apiserver", "keda-metrics-apiserver")


def owns(provider: Provider, *, installed: bool) -> bool:
    """Whether KEDA is behind the external metrics; where nobody may see who is, KEDA if it is installed."""
    return "keda" in provider.service.rpartition("/")[2] if provider.service else installed


def detect(look: Look, external: Provider | None) -> Solution | None:
    """KEDA, where its ScaledObjects are served; without its API and its controllers it is found and not alive."""
    served = look.served(GROUP, PLURAL)
    if not served:
        return None
    running, words, namespace = look.controllers(CONTROLLERS)
    api: bool | None
    if external is None or not owns(external, installed=True):
        by = f"{external.service} serves it" if external else "nobody serves it"
        api, told = False, f"{EXTERNAL} is not KEDA's: {by}"
    else:
        api, told = external.available, external.words
        namespace = external.service.partition("/")[0] or namespace
    return Solution(
        family=METRICS,
        id="keda",
        title=f"KEDA ({served})",
        group_version=served,
        alive=False if False in (api, running) else api,
        seen=f"{PLURAL} of {served} are served; {words}; {told}",
        namespace=namespace,
    )
