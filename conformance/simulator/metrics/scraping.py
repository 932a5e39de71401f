"""Scraping: a real request to each pod that asks for it by its annotations, read by Prometheus' own parser."""

import math
from collections.abc import Iterator
from http import HTTPStatus

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from conformance.simulator.metrics.archive import Archive, Labels
from conformance.simulator.objects import Obj, deleting, dig, name_of, namespace_of, uid_of

TIMEOUT = 1.0
_ANNOTATION = "prometheus.io/"
Sample = tuple[str, Labels, float]


def target(pod: Obj) -> str:
    """The address to scrape, or nothing."""
    notes = pod["metadata"].get("annotations") or {}
    address, port = dig(pod, "status", "podIP", default=""), notes.get(f"{_ANNOTATION}port", "")
    wanted = notes.get(f"{_ANNOTATION}scrape") == "true" and address and str(port).isdigit()
    if not wanted or deleting(pod) or dig(pod, "status", "phase") != "Running":
        return ""
    path = notes.get(f"{_ANNOTATION}path", "/metrics").lstrip("/")
    return f"{notes.get(f'{_ANNOTATION}scheme', 'http')}://{address}:{port}/{path}"


async def scrape(session: aiohttp.ClientSession, archive: Archive, pod: Obj) -> None:
    """Ask one pod; what cannot be read makes its series stale."""
    url = target(pod)
    origin = {
        "namespace": namespace_of(pod),
        "pod": name_of(pod),
        "job": "kubernetes-pods",
        "instance": url.split("/")[2],
    }
    samples: list[Sample] = []
    try:
        async with session.get(url, timeout=aiohttp.ClientTimeout(total=TIMEOUT)) as answer:
            text = await answer.text()
            samples = list(read(text, origin)) if answer.status == HTTPStatus.OK else []
    except (OSError, aiohttp.ClientError, TimeoutError, ValueError):
        samples = []
    archive.add(uid_of(pod), [*samples, ("up", origin, float(bool(samples)))])


def read(text: str, origin: Labels) -> Iterator[Sample]:
    """The samples of a page; labels of the target win over those of the same name on the page."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            own = {f"exported_{key}" if key in origin else key: value for key, value in sample.labels.items()}
            if math.isfinite(sample.value):
                yield sample.name, {**own, **origin}, float(sample.value)
