"""Whether the devices of a deleted gang are free again: its pods and claims are gone, and somebody else gets one."""

from conformance.cluster import errors
from conformance.probes import starting
from conformance.probes.gang import members
from conformance.probes.gang.gangs import Gangs
from conformance.probes.gang.making import Gang
from conformance.probes.sandbox import GONE_SECONDS
from conformance.verdicts import Failure, Unverified

EXPECTED = "the devices of a deleted gang are free for others"


def frees_its_devices(gangs: Gangs, gang: Gang) -> None:
    """Delete a gang and wait until its pods and claims are gone; ``Failure`` where they stay."""
    gangs.delete(gang)
    try:
        gangs.gone(gang, GONE_SECONDS)
    except errors.WaitTimeout as error:
        gangs.room.unchanged(gangs.api, gangs.sandbox.own)
        raise Failure(
            "devices_not_freed", observed=f"after the gang was deleted: {error}", expected=EXPECTED
        ) from error
    now = gangs.room.now(gangs.api, "")
    seen = f"pods and claims of {gang.name} are gone; free devices by node: {now}"
    gangs.evidence.step("the gang was deleted", expected=f"{gangs.room.free} free", observed=seen, obj=gang.name)
    gangs.room.unchanged(gangs.api, gangs.sandbox.own)


def another_gets_one(gangs: Gangs, name: str, size: int) -> None:
    """Pods without a gang get every device that the gang had; ``Failure`` where the scheduler or a node still keeps some."""
    pods = gangs.loose(name, size)
    try:
        pods.crowd.until(
            lambda seen: True if len(seen) >= size and all(map(members.started, seen.values())) else None,
            limit=gangs.sandbox.deciding(starting.START_SECONDS),
            what=f"{size} new pods to get the devices of the gang",
        )
    except errors.WaitTimeout as error:
        mine = list(pods.crowd.members.values())
        gangs.room.unchanged(gangs.api, gangs.sandbox.own)
        seen = f"{members.describe(mine)} after {error.seconds:.0f} s"
        if any(map(members.refusal, mine)) or any(map(members.taken_away, mine)):
            raise Failure("devices_not_freed", observed=seen, expected=EXPECTED) from error
        raise Unverified(f"new pods did not start: {seen}", code="pod_not_started") from error
    gangs.evidence.step("new pods got the devices", expected=f"{size} run", observed=f"{size} run", obj=name)
