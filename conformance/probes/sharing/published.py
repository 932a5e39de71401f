"""What a DRA driver publishes about shares: counters that partitions take, and capacity of devices that several may hold."""

from fractions import Fraction

from conformance.inventory import odd, room
from conformance.inventory.amounts import amount
from conformance.inventory.dra import Device, Key, counter_sets
from conformance.inventory.vendor import CAPACITY
from conformance.probes.sharing.shares import Shares
from conformance.verdicts import Failure, Unknown


def agrees(shares: Shares) -> str:
    """Raise ``Failure`` where what is published contradicts itself; says what was compared.

    ``Unknown`` where a driver publishes neither counters nor a capacity, so that nobody says how a device is divided.
    """
    slices, found = shares.published()
    if shares.strategy == CAPACITY:
        return "; ".join(_capacity(device) for device in found)
    limits = counter_sets(slices)
    silent = [device.name for device in found if not device.consumes]
    if silent:
        raise Unknown(
            f"{shares.kind.title}: nothing says of which device's counters these are parts: {', '.join(silent)}",
            code="configuration_not_told",
        )
    return "; ".join(_counters(device, key, limits.get(key, {})) for device in found for key in device.consumes)


def _counters(device: Device, key: tuple[str, str, str], limit: dict[str, Fraction]) -> str:
    taken = device.consumes[key]
    beyond = [name for name, value in taken.items() if name not in limit or value > limit[name]]
    if beyond:
        raise _contradiction(
            f"partition {device.name} takes {', '.join(f'{taken[name]} of {name}' for name in beyond)} of counter set {key[2]}, "
            f"which has {', '.join(f'{name} {value}' for name, value in limit.items()) or 'no such counters'}"
        )
    if not device.is_part:
        raise _contradiction(f"partition {device.name} takes all of counter set {key[2]}")
    return f"{device.name} takes {', '.join(f'{v} of {limit[n]} {n}' for n, v in taken.items())}"


def _capacity(device: Device) -> str:
    if not device.capacity:
        raise Unknown(
            f"{device.name} may be held by several claims and publishes no capacity that says by how many",
            code="configuration_not_told",
        )
    told = []
    for name, given in device.capacity.items():
        value, policy = amount(odd.part(given).get("value")), odd.part(given, "requestPolicy")
        least = amount(policy.get("default", 0))
        if value is None or value <= 0 or least is None or least > value:
            raise _contradiction(f"device {device.name} has {name} {given!r}")
        told.append(
            f"{name} {odd.part(given).get('value')}, {policy.get('default', 'all of it')} where a claim asks for none"
        )
    return f"{device.name} has {', '.join(told)}"


def none_beyond(shares: Shares) -> None:
    """Raise ``Failure`` where the claims on a device of which several may hold a part take more than it has."""
    found = {device.key: device for device in shares.published()[1]}
    taken: dict[tuple[Key, str], Fraction] = {}
    for claim in shares.api.list(f"/apis/{shares.bench.group_version}/resourceclaims"):
        for result in room.allocation_results(claim):
            if result.get("adminAccess"):
                continue  # it watches the device and takes nothing of it
            key = room.key_of(result)
            for name, text in odd.part(result, "consumedCapacity").items():
                short = str(name).removeprefix(f"{key[0]}/")
                taken[key, short] = taken.get((key, short), Fraction(0)) + (amount(text) or 0)
    for (key, name), total in taken.items():
        value = amount(odd.part(found[key].capacity, name).get("value")) if key in found else None
        if value is not None and total > value:
            raise Failure(
                "share_beyond_the_limit",
                observed=f"claims were given {int(total)} of the {int(value)} {name} that device {'/'.join(key)} has",
                expected="claims on one device take no more than it has",
            )


def _contradiction(seen: str) -> Failure:
    return Failure(
        "shares_disagree",
        observed=seen,
        expected="every share takes a part of what its device has, and no more than that",
    )
