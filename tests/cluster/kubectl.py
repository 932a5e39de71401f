"""The same objects on the real and on the simulated cluster, and what one kubectl says about them in a form that can be compared."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from conformance.cluster import connect, waiting
from conformance.probes import claims

NAMESPACE = "kubectl-parity"
MANIFEST = Path(__file__).with_name("objects.yaml")
SECONDS = 60
# What may differ: who and when, where, and how the two grounds call their accelerators. The first match wins.
NORMALISED = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z?", "TIME"),
    (r"\b\d+(ms|s|m|h)(\d+s)?\b", "AGE"),
    (r"\b\d+\.\d+\.\d+\.\d+(:\d+)?(/\d+)?\b", "ADDRESS"),
    (r"accel\.(testbed|sim)\.dev", "accel.driver"),
    (r"\b(testbed|sim)\.dev/", "vendor/"),
    (r"\bnode-[ab]\b", "NODE"),
    (r"-[bcdfghjklmnpqrstvwxz2456789]{5}\b", "-GENERATED"),
)


@dataclass(frozen=True)
class Answer:
    """What kubectl said."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Side:
    """One of the two clusters, with the objects in it."""

    program: str
    kubeconfig: Path
    cache: Path
    vendor: str
    """``testbed.dev`` or ``sim.dev``: what the accelerators' names end with."""

    def __call__(self, *words: str, text: str = "") -> Answer:
        done = self.run(*words, text=text)
        return Answer(done.returncode, normal(done.stdout), normal(done.stderr))

    def run(self, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """What kubectl says, as it is."""
        command = [self.program, "--kubeconfig", str(self.kubeconfig), "--cache-dir", str(self.cache)]
        command += ["--namespace", NAMESPACE, *words]
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=2 * SECONDS, check=False)

    def document(self, *words: str, output: str = "json") -> dict[str, Any]:
        """Answer of ``kubectl get`` in JSON or YAML."""
        text = self.run("get", *words, f"--output={output}").stdout
        found: dict[str, Any] = json.loads(text) if output == "json" else yaml.safe_load(text)
        return found

    def manifest(self) -> str:
        """The objects, with the names of this side's accelerators."""
        return MANIFEST.read_text(encoding="utf-8").replace("VENDOR", self.vendor)

    def fill(self) -> None:
        """Make the objects and wait until each is in the state that it is to be seen in."""
        self.empty()
        for words in (
            ("create", "namespace", NAMESPACE),
            ("wait", "--for=create", "serviceaccount/default", f"--timeout={SECONDS}s"),
        ):
            self._must(*words)
        self._must("apply", "--filename=-", text=self.manifest())
        waits = {
            "condition=Ready": ("pod/claims", "pod/asks", "pod/runs"),
            "jsonpath={.status.phase}=Succeeded": ("pod/succeeds",),
            "jsonpath={.status.phase}=Failed": ("pod/fails",),
            "jsonpath={.status.conditions[?(@.type=='PodScheduled')].reason}=Unschedulable": ("pod/waits",),
            "jsonpath={.status.containerStatuses[0].allocatedResourcesStatus[0].name}": ("pod/asks",),
        }
        for condition, pods in waits.items():
            self._must("wait", f"--for={condition}", *pods, f"--timeout={SECONDS}s")
        # The claim of the pod that ended is given back a moment later, and kubectl cannot wait for what is not there.
        place = f"/apis/resource.k8s.io/v1/namespaces/{NAMESPACE}/resourceclaims"
        waiting.wait_for(
            connect(str(self.kubeconfig)), place, "own", _released, limit=SECONDS, what="release", show=claims.describe
        )

    def empty(self) -> None:
        """Remove everything again."""
        self("delete", "namespace", NAMESPACE, f"--timeout={SECONDS}s")

    def _must(self, *words: str, text: str = "") -> None:
        answer = self(*words, text=text)
        assert answer.code == 0, f"{self.vendor}: kubectl {' '.join(words)}: {answer.out}{answer.err}"


def _released(claim: dict[str, Any]) -> dict[str, Any] | None:
    return None if claims.allocated(claim) else claim


def normal(text: str) -> str:
    """Text without what may differ; runs of blanks, which line columns up, count as one gap."""
    for pattern, word in NORMALISED:
        text = re.sub(pattern, word, text)
    return "\n".join(re.sub(r" {2,}", "  ", line.rstrip()) for line in text.splitlines())


def columns(answer: Answer) -> list[str]:
    """Headings of a table."""
    first = answer.out.partition("\n")[0]
    return re.split(r" {2,}", first.strip())


def headings(answer: Answer) -> set[str]:
    """Section and field names of ``describe``, with the depth that they stand at."""
    found = re.finditer(r"^( *)([A-Z](?:[\w()/.-]| (?! ))*):(?= |$)", answer.out, re.MULTILINE)
    return {("  " if match[1] else "") + match[2] for match in found}


def paths(value: object, before: str = "") -> Iterator[str]:
    """Every field path of a JSON value, with the names that may differ made equal."""
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from paths(child, f"{before}.{normal(str(key))}")
    elif isinstance(value, list) and value:
        for child in value:
            yield from paths(child, f"{before}[]")
    else:
        yield before
