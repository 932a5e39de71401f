"""What a check may import: the public names of the engine, loaded when first used. PYTEST_DONT_REWRITE"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.adapters.metrics.signals import QUEUE_DEPTH as QUEUE_DEPTH
    from conformance.adapters.metrics.signals import TOKEN_RATE as TOKEN_RATE
    from conformance.cluster.settings import Settings as Settings
    from conformance.declaration import check as check
    from conformance.evidence import Evidence as Evidence
    from conformance.inventory.kinds import Kind as Kind
    from conformance.inventory.solutions import Solution as Solution
    from conformance.probes.allocation import Allocation as Allocation
    from conformance.probes.allocation import not_published as not_published
    from conformance.probes.ask import Ask as Ask
    from conformance.probes.ask import Holding as Holding
    from conformance.probes.ask import burning as burning
    from conformance.probes.bench import Bench as Bench
    from conformance.probes.bench import family as family
    from conformance.probes.bench import must_identify as must_identify
    from conformance.probes.computing import must_compute as must_compute
    from conformance.probes.crud import Crud as Crud
    from conformance.probes.dra.admin import AdminAccess as AdminAccess
    from conformance.probes.dra.alternatives import falls_back as falls_back
    from conformance.probes.dra.alternatives import takes_the_first as takes_the_first
    from conformance.probes.dra.capacity import capacity_consumed as capacity_consumed
    from conformance.probes.dra.capacity import divided_device as divided_device
    from conformance.probes.dra.constraints import Constraints as Constraints
    from conformance.probes.dra.doubles import must_be_published_once as must_be_published_once
    from conformance.probes.dra.extended import Extended as Extended
    from conformance.probes.dra.partitions import partition_family as partition_family
    from conformance.probes.dra.selection import first_and_last as first_and_last
    from conformance.probes.dra.selection import met_by_nobody as met_by_nobody
    from conformance.probes.dra.selection import take_device as take_device
    from conformance.probes.dra.taints import close_device as close_device
    from conformance.probes.dra.trial import Trial as Trial
    from conformance.probes.gang.clean import another_gets_one as another_gets_one
    from conformance.probes.gang.clean import frees_its_devices as frees_its_devices
    from conformance.probes.gang.contest import Tally as Tally
    from conformance.probes.gang.contest import second_follows as second_follows
    from conformance.probes.gang.contest import winner_of as winner_of
    from conformance.probes.gang.finish import finish_together as finish_together
    from conformance.probes.gang.gangs import Gangs as Gangs
    from conformance.probes.gang.refusal import is_refused as is_refused
    from conformance.probes.gang.window import holds_nothing as holds_nothing
    from conformance.probes.gang.window import waits as waits
    from conformance.probes.injection import must_be_its_own as must_be_its_own
    from conformance.probes.injection import opens_its_own as opens_its_own
    from conformance.probes.injection import record_injection as record_injection
    from conformance.probes.keeping import stays_held as stays_held
    from conformance.probes.keeping import used_again as used_again
    from conformance.probes.needs import ALLOCATION_NEEDS as ALLOCATION_NEEDS
    from conformance.probes.needs import CLAIM_NEEDS as CLAIM_NEEDS
    from conformance.probes.needs import CLASS_NEEDS as CLASS_NEEDS
    from conformance.probes.needs import GANG_NEEDS as GANG_NEEDS
    from conformance.probes.needs import GANG_WAY_NEEDS as GANG_WAY_NEEDS
    from conformance.probes.needs import PROBE_NEEDS as PROBE_NEEDS
    from conformance.probes.needs import SCALED_OBJECT_NEEDS as SCALED_OBJECT_NEEDS
    from conformance.probes.needs import SCALING_NEEDS as SCALING_NEEDS
    from conformance.probes.needs import TAINT_NEEDS as TAINT_NEEDS
    from conformance.probes.needs import TRIAL_NEEDS as TRIAL_NEEDS
    from conformance.probes.pools.growth import Growth as Growth
    from conformance.probes.reading import identity as identity
    from conformance.probes.sandbox import Sandbox as Sandbox
    from conformance.probes.scaling.scaling import Scaling as Scaling
    from conformance.probes.sharing.shares import Shares as Shares
    from conformance.probes.sharing.telling import agrees_with_configuration as agrees_with_configuration
    from conformance.probes.sharing.ways import given_to_several as given_to_several
    from conformance.probes.sharing.ways import keeps_its_limit as keeps_its_limit
    from conformance.probes.sharing.ways import parts_are_apart as parts_are_apart
    from conformance.probes.versions import compare_versions as compare_versions
    from conformance.probes.versions import must_agree as must_agree
    from conformance.probes.versions import reading_versions as reading_versions
    from conformance.probes.virtual import Virtual as Virtual
    from conformance.probes.workload import must_need_a_device as must_need_a_device
    from conformance.probes.workload import must_work as must_work
    from conformance.probes.workload import workload_of as workload_of
    from conformance.verdicts import Decides as Decides
    from conformance.verdicts import Failure as Failure
    from conformance.verdicts import Grade as Grade
    from conformance.verdicts import Impact as Impact
    from conformance.verdicts import NotApplicable as NotApplicable
    from conformance.verdicts import Skipped as Skipped
    from conformance.verdicts import Unknown as Unknown
    from conformance.verdicts import Unverified as Unverified
    from conformance.verdicts import Verdict as Verdict

_HOME = {
    "ALLOCATION_NEEDS": "probes.needs",
    "AdminAccess": "probes.dra.admin",
    "Allocation": "probes.allocation",
    "Ask": "probes.ask",
    "Bench": "probes.bench",
    "CLAIM_NEEDS": "probes.needs",
    "CLASS_NEEDS": "probes.needs",
    "Constraints": "probes.dra.constraints",
    "Crud": "probes.crud",
    "Decides": "verdicts",
    "Evidence": "evidence",
    "Extended": "probes.dra.extended",
    "Failure": "verdicts",
    "GANG_NEEDS": "probes.needs",
    "GANG_WAY_NEEDS": "probes.needs",
    "Gangs": "probes.gang.gangs",
    "Grade": "verdicts",
    "Growth": "probes.pools.growth",
    "Holding": "probes.ask",
    "Impact": "verdicts",
    "Kind": "inventory.kinds",
    "NotApplicable": "verdicts",
    "PROBE_NEEDS": "probes.needs",
    "QUEUE_DEPTH": "adapters.metrics.signals",
    "SCALED_OBJECT_NEEDS": "probes.needs",
    "SCALING_NEEDS": "probes.needs",
    "Sandbox": "probes.sandbox",
    "Scaling": "probes.scaling.scaling",
    "Settings": "cluster.settings",
    "Shares": "probes.sharing.shares",
    "Skipped": "verdicts",
    "Solution": "inventory.solutions",
    "TAINT_NEEDS": "probes.needs",
    "TOKEN_RATE": "adapters.metrics.signals",
    "TRIAL_NEEDS": "probes.needs",
    "Tally": "probes.gang.contest",
    "Trial": "probes.dra.trial",
    "Unknown": "verdicts",
    "Unverified": "verdicts",
    "Verdict": "verdicts",
    "Virtual": "probes.virtual",
    "agrees_with_configuration": "probes.sharing.telling",
    "another_gets_one": "probes.gang.clean",
    "burning": "probes.ask",
    "capacity_consumed": "probes.dra.capacity",
    "check": "declaration",
    "close_device": "probes.dra.taints",
    "compare_versions": "probes.versions",
    "divided_device": "probes.dra.capacity",
    "falls_back": "probes.dra.alternatives",
    "family": "probes.bench",
    "finish_together": "probes.gang.finish",
    "first_and_last": "probes.dra.selection",
    "frees_its_devices": "probes.gang.clean",
    "given_to_several": "probes.sharing.ways",
    "holds_nothing": "probes.gang.window",
    "identity": "probes.reading",
    "is_refused": "probes.gang.refusal",
    "keeps_its_limit": "probes.sharing.ways",
    "met_by_nobody": "probes.dra.selection",
    "must_agree": "probes.versions",
    "must_be_published_once": "probes.dra.doubles",
    "must_be_its_own": "probes.injection",
    "must_compute": "probes.computing",
    "must_identify": "probes.bench",
    "must_need_a_device": "probes.workload",
    "must_work": "probes.workload",
    "not_published": "probes.allocation",
    "opens_its_own": "probes.injection",
    "stays_held": "probes.keeping",
    "used_again": "probes.keeping",
    "partition_family": "probes.dra.partitions",
    "parts_are_apart": "probes.sharing.ways",
    "reading_versions": "probes.versions",
    "record_injection": "probes.injection",
    "second_follows": "probes.gang.contest",
    "take_device": "probes.dra.selection",
    "takes_the_first": "probes.dra.alternatives",
    "waits": "probes.gang.window",
    "winner_of": "probes.gang.contest",
    "workload_of": "probes.workload",
}

__version__ = "0.1.0"
__all__ = sorted(_HOME)  # noqa: PLE0605 - the lazy names are the whole interface


def __getattr__(name: str) -> Any:
    """Load a public name from the module that holds it."""
    if name not in _HOME:
        raise AttributeError(f"conformance has no public name {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(f"conformance.{_HOME[name]}"), name)
