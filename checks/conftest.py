"""What a check may ask for by the name of a parameter."""

from collections.abc import Callable, Iterator

import pytest

from conformance import (
    AdminAccess,
    Allocation,
    Bench,
    Crud,
    Gangs,
    Growth,
    Scaling,
    Shares,
    Trial,
    Unknown,
    Virtual,
)
from conformance.adapters import Look, metrics
from conformance.cluster import Api, Settings
from conformance.declaration import WITH, solution_of, spec_of
from conformance.evidence import Evidence
from conformance.hooks import running
from conformance.inventory import Inventory, Kind
from conformance.inventory.solutions import AUTOSCALER, FAMILIES, METRICS, Solution
from conformance.probes import Sandbox
from conformance.probes.gang import ground as gang_ground
from conformance.probes.scaling import autoscaler
from conformance.probes.scaling.fleet import Fleet
from conformance.probes.scaling.trial import LEAST


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> Settings:
    """Choices of the run."""
    return running(request.node).process.settings


@pytest.fixture
def inventory(request: pytest.FixtureRequest) -> Inventory:
    """Accelerators and DRA types of the cluster, as the run found them at its start."""
    return running(request.node).process.inventory


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Api:
    """The API server, under the name of this check."""
    return running(request.node).api


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> Evidence:
    """Record of steps, artefacts and grade of this check."""
    return running(request.node).evidence


@pytest.fixture
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Namespace of this check, made when first used; its removal is awaited."""
    with running(request.node).sandbox() as made:
        yield made


@pytest.fixture
def kind(request: pytest.FixtureRequest, inventory: Inventory) -> Kind:
    """The accelerator kind of this variant, on one node or on all of them."""
    wanted, variants = getattr(request, "param", None), spec_of(request.function).variants
    for found in inventory.pools if variants == "dra_pools" else inventory.kinds:
        if found.id == wanted:
            return found
    by_dra = variants in ("dra_kinds", "dra_pools")
    raise Unknown(inventory.why_none(by_dra=by_dra), code="no_accelerator")


@pytest.fixture
def share(request: pytest.FixtureRequest, inventory: Inventory) -> Kind | None:
    """The units of this variant, which are shares of devices; None where nobody hands out any."""
    wanted = getattr(request, "param", None)
    return next((found for found in inventory.shares if found.id == wanted), None)


@pytest.fixture
def shares(request: pytest.FixtureRequest, sandbox: Sandbox, share: Kind | None, inventory: Inventory) -> Shares:
    """The shares of this variant on their node; there may be none."""
    return Shares(sandbox, share, running(request.node).process.descriptors, inventory)


@pytest.fixture
def virtual(request: pytest.FixtureRequest, sandbox: Sandbox, inventory: Inventory) -> Virtual:
    """Virtual devices of this variant's kind, which may turn out not to be offered."""
    wanted = getattr(request, "param", None)
    kind = next((found for found in inventory.virtualizable() if found.id == wanted), None)
    if kind is None:
        raise Unknown(inventory.why_none(), code="no_accelerator")
    return Virtual(sandbox, kind, running(request.node).process.descriptors, inventory.dra_version)


@pytest.fixture
def variant(request: pytest.FixtureRequest) -> str:
    """Accelerator pool and solution of this variant, empty where the cluster has none."""
    return str(getattr(request, "param", ""))


@pytest.fixture
def solution(request: pytest.FixtureRequest, variant: str, inventory: Inventory) -> Solution:
    """The solution of this variant. ``Unknown`` where none of its family is installed."""
    spec = spec_of(request.function)
    alone = {"adapters": METRICS, "autoscalers": AUTOSCALER}
    family = alone.get(str(spec.variants), str(spec.variants))
    wanted = solution_of(spec, variant)
    found = next((s for s in inventory.of_family(family) if s.id == wanted), None)
    if found is None:
        raise Unknown(f"no {FAMILIES[family]} that the suite knows is installed", code=f"no_{family}_solution")
    return found


@pytest.fixture
def pool(variant: str, inventory: Inventory) -> Kind | None:
    """The accelerator kind of this variant over all its nodes; None where the cluster has no accelerator."""
    wanted = variant.partition(WITH)[0]
    return next((kind for kind in inventory.pools if kind.id == wanted), None)


@pytest.fixture
def gangs(
    request: pytest.FixtureRequest, sandbox: Sandbox, solution: Solution, pool: Kind | None, inventory: Inventory
) -> Gangs:
    """Nodes with free accelerators of this variant, and its gang scheduler."""
    descriptors = running(request.node).process.descriptors
    return gang_ground.prepare(sandbox, solution, pool, descriptors, inventory.dra_version)


@pytest.fixture
def give_back(request: pytest.FixtureRequest) -> Callable[[], None]:
    """Let other checks have the accelerators that this one held, before its long wait is over."""
    return running(request.node).process.broker.release


@pytest.fixture
def dra_type(request: pytest.FixtureRequest) -> str:
    """The type of resource.k8s.io of this variant."""
    return str(request.param)


@pytest.fixture
def bench(request: pytest.FixtureRequest, sandbox: Sandbox, kind: Kind, inventory: Inventory) -> Bench:
    """A node with as many free accelerators of this variant's kind as the check declares."""
    made = Bench(sandbox, kind, running(request.node).process.descriptors, inventory.dra_version)
    made.choose_node(spec_of(request.function).accelerators)
    return made


@pytest.fixture
def unplaced(request: pytest.FixtureRequest, sandbox: Sandbox, kind: Kind, inventory: Inventory) -> Bench:
    """A bench whose node the check chooses itself."""
    return Bench(sandbox, kind, running(request.node).process.descriptors, inventory.dra_version)


@pytest.fixture
def allocation(bench: Bench) -> Allocation:
    """Claims and pods with claims on the bench's node."""
    return Allocation(bench)


@pytest.fixture
def trial(bench: Bench) -> Trial:
    """The scheduler's choice of devices on the bench's node."""
    return Trial(bench)


@pytest.fixture
def driver_trial(unplaced: Bench) -> Trial:
    """The same for a check that finds its node itself, among all devices of the kind's driver."""
    return Trial(unplaced)


@pytest.fixture
def admin_access(sandbox: Sandbox, inventory: Inventory) -> AdminAccess:
    """Claims with admin access, sent as dry runs."""
    return AdminAccess(sandbox, inventory.dra_version)


@pytest.fixture
def crud(sandbox: Sandbox, inventory: Inventory, dra_type: str) -> Crud:
    """The verbs on this variant's type."""
    return Crud(sandbox, inventory.dra_version, dra_type)


@pytest.fixture
def scaler(request: pytest.FixtureRequest, cluster: Api, inventory: Inventory) -> metrics.Scaler:
    """The metrics adapter of this variant, which answers; ``NotApplicable`` where there are no autoscalers of pods."""
    autoscaler.must_be_served(cluster)
    if not inventory.of_family(METRICS):
        raise Unknown(metrics.why_none(Look(cluster)), code="no_metrics_solution")
    if not inventory.pools and spec_of(request.function).accelerators:
        raise Unknown(inventory.why_none(), code="no_accelerator")
    return autoscaler.living(cluster, request.getfixturevalue("solution"))


@pytest.fixture
def scaling(
    request: pytest.FixtureRequest, scaler: metrics.Scaler, sandbox: Sandbox, pool: Kind, inventory: Inventory
) -> Scaling:
    """Servers under an autoscaler; where the check holds accelerators, two of this variant's pool are free at least."""
    if not spec_of(request.function).accelerators:
        return Scaling(sandbox, scaler, None)
    fleet = Fleet(sandbox, pool, running(request.node).process.descriptors, inventory.dra_version)
    fleet.choose(LEAST + 1)
    return Scaling(sandbox, scaler, fleet)


@pytest.fixture
def growth(request: pytest.FixtureRequest, sandbox: Sandbox, variant: str, inventory: Inventory) -> Growth:
    """A node pool that is to grow, by the autoscaler of this variant."""
    return Growth(sandbox, inventory, running(request.node).process.descriptors, variant)
