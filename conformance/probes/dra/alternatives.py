"""Requests with a list of alternatives, of which the first that can be had is taken (DeviceRequest.firstAvailable)."""

from conformance.cluster.api import Object
from conformance.probes.allocation import Running
from conformance.probes.dra import selection, shapes
from conformance.probes.dra.published import Published
from conformance.probes.dra.trial import REQUEST, Trial
from conformance.verdicts import Failure

NEVER, FALLS = "list_never_falls_back", "wrong_alternative"
TIMES = 4
"""Claims for which the first alternative must be taken: a scheduler that takes any that fits would be right by chance."""


def falls_back(trial: Trial, device: Published) -> Running:
    """Start a pod with a list of which no device meets the first alternative, and this one the second."""
    _, nobody = selection.met_by_nobody(trial)[0]
    spec = _list(("nobody-has", trial.asked(nobody)), ("fits", trial.asked(*_meaning(trial, device))))
    trial.must_keep(spec, trial.one(), "requests[0].firstAvailable")
    expected = "the second alternative, which a free device meets, is taken where nothing meets the first"
    running = trial.get("falls-back", spec, code=NEVER, expected=expected, needs=[device])
    trial.got(running, device, FALLS, "a list whose first alternative nothing meets", request=f"{REQUEST}/fits")
    return running


def takes_the_first(trial: Trial, device: Published) -> None:
    """Start pods, one after the other, with a list of which this device meets the first alternative, and any device the second.

    ``Unverified`` where somebody else took the device before: then it could not be had.
    """
    for n in range(TIMES):
        trial.give_back(_take_first(trial, device, f"takes-first-{n}"))


def _take_first(trial: Trial, device: Published, name: str) -> Running:
    spec = _list(("wanted", trial.asked(*_meaning(trial, device))), ("otherwise", trial.asked()))
    expected = "the first alternative, which a free device meets"
    running = trial.get(name, spec, code="fitting_claim_refused", expected=expected, needs=[device])
    try:
        trial.got(running, device, FALLS, "a list whose first alternative can be had", request=f"{REQUEST}/wanted")
    except Failure:
        trial.still_free([device])
        raise
    return running


def _meaning(trial: Trial, device: Published) -> tuple[str, ...]:
    """Selectors for the device, and none where it is the only one of its kind on the node."""
    return trial.means(device) if len(trial.rivals()) > 1 else ()


def _list(*named: tuple[str, Object]) -> Object:
    return shapes.spec(shapes.first_available(REQUEST, *named))
