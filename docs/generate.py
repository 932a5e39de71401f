"""Make the pages that can be made from the code; ``--check`` says which are stale and ends with 1."""

import argparse
import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import yaml

from conformance import catalogue, content, profiles
from conformance.catalogue import CheckInfo

HERE = Path(__file__).resolve().parent
COMMANDS = (
    (), ("run",), ("demo",), ("plan",), ("checks",), ("explain",), ("profiles",), ("accelerators",), ("report",), ("self-test",),
    ("cluster", "up"), ("path",), ("sweep",), ("rbac",),
)  # fmt: skip
NOTE = "<!-- Made by docs/generate.py from the code; change the code and run it again. -->\n"


def checks() -> str:
    """Every check with its text."""
    lines = ["# Checks", "", "| Check | Decides | Accelerators | Longest |", "|---|---|---|---|"]
    infos = catalogue.load()
    for info in infos:
        spec = info.spec
        lines.append(
            f"| [`{info.id}`](#{_anchor(info)}) | {spec.decides} | {spec.accelerators} | {spec.longest:.0f} s |"
        )
    for info in infos:
        lines += ["", *_check(info)]
    return "\n".join(lines)


def _anchor(info: CheckInfo) -> str:
    """Anchor that a Markdown heading of the id gets."""
    return info.id.replace("/", "").lower()


def _check(info: CheckInfo) -> list[str]:
    spec = info.spec
    variants = {
        "kinds": "per accelerator kind",
        "shares": "per way of sharing and node",
        "virtual": "per kind of virtual device and node",
        "dra_kinds": "per accelerator kind by DRA",
        "dra_pools": "per accelerator kind by DRA over all its nodes",
        "dra_types": "per DRA type",
        "gang": "per accelerator kind and gang scheduler",
        "metrics": "per accelerator kind and metrics adapter",
        "adapters": "per metrics adapter",
        "autoscalers": "per cluster autoscaler",
    }
    facts = [f"decides {spec.decides}", f"impact {spec.impact}", variants.get(spec.variants or "", "one run")]
    return [
        f"## `{info.id}`",
        "",
        f"**{info.title}**",
        "",
        inspect.cleandoc(info.text),
        "",
        f"*{', '.join(facts)}; at most {spec.longest:.0f} s: {spec.why_longest}.*",
        "",
        f"Permissions: {', '.join(f'`{need}`' for need in spec.needs_for(None))}.",
    ]


def requirements() -> str:
    """Levels by profile."""
    found = [profiles.load(name) for name in profiles.names()]
    order: dict[str, str] = {}
    for profile in found:
        order |= {r.id: r.title for r in profile.requirements}
    covered = {info.requirement for info in catalogue.load()}
    names = " | ".join(f"`{p.id}`" for p in found)
    lines = [
        "# Requirements by profile",
        "",
        f"| Requirement | {names} | Checks |",
        "|---|" + "---|" * (len(found) + 1),
    ]
    for id_, title in order.items():
        levels = [(r.level if (r := p.get(id_)) else "–") for p in found]
        lines.append(f"| `{id_}`<br>{title} | {' | '.join(levels)} | {'yes' if id_ in covered else 'not yet'} |")
    return "\n".join(lines)


def options() -> str:
    """Help of the command and of each of its words, as people see it on a terminal of 100 columns."""
    parts = ["# Options of `ai-conformance`"]
    for words in COMMANDS:
        command = [sys.executable, "-m", "conformance", *words, "--help"]
        shown = subprocess.run(
            command, env={**os.environ, "COLUMNS": "100"}, capture_output=True, text=True, check=True
        )
        parts.append(f"## `{' '.join(('ai-conformance', *words))}`\n\n```text\n{shown.stdout.rstrip()}\n```")
    return "\n\n".join(parts)


def faults() -> str:
    """Check, fault, ground and verdict, as self-test and `tox -e cluster` prove them."""
    lines = [
        "# Faults",
        "",
        "Each check is shown to fail. A fault makes a cluster wrong in one way; the verdicts below, and no other change, must",
        "come of it. `ai-conformance self-test` proves the simulated column (with `--everything` also that the checks of all other",
        "modules keep their verdicts), `tox -e cluster` the real one.",
        "",
    ]
    lines += ["| Check | Fault | Verdict | Reason | Simulated | Real |", "|---|---|---|---|---|---|"]
    rows = []
    for path in sorted((content.FIXTURES / "faults").glob("*.yaml")):
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        grounds = data.get("grounds", [])
        for check, wanted in (data.get("verdicts") or {}).items():
            marks = " | ".join("caught" if ground in grounds else "–" for ground in ("simulated", "real"))
            other = wanted.get("or")
            verdict = wanted["verdict"] + (f" or {other['verdict']}" if other else "")
            code = " or ".join(f"`{each['code']}`" if each["code"] else "–" for each in (wanted, other) if each)
            rows.append(f"| `{check}` | `{path.stem}` | {verdict} | {code} | {marks} |")
    lines += sorted(rows)
    lines += ["", "## What each fault does", ""]
    for path in sorted((content.FIXTURES / "faults").glob("*.yaml")):
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        lines.append(f"- `{path.stem}`: {data['title']}.")
    return "\n".join(lines)


def worlds() -> str:
    """Simulated clusters, and the makes of hardware that a node of one may have."""
    lines = [
        "# Worlds",
        "",
        "A world is a simulated cluster: `ai-conformance demo --world NAME` runs checks on it, `ai-conformance cluster up --world NAME`",
        "lets it stand. A node may have hardware of any make: `make: nvidia`.",
        "",
    ]
    lines += ["| World | What it is |", "|---|---|"]
    lines += [f"| `{path.stem}` | {title} |" for path, title in _titles("worlds")]
    lines += ["", "| Make of hardware | What it is |", "|---|---|"]
    lines += [f"| `{path.stem}` | {title} |" for path, title in _titles("hardware")]
    return "\n".join(lines)


def _titles(folder: str) -> list[tuple[Path, str]]:
    files = sorted((content.FIXTURES / folder).glob("*.yaml"))
    return [(path, str(yaml.safe_load(path.read_text(encoding="utf-8"))["title"])) for path in files]


PAGES: dict[str, Callable[[], str]] = {
    "checks.md": checks,
    "requirements.md": requirements,
    "options.md": options,
    "faults.md": faults,
    "worlds.md": worlds,
}


def main() -> int:
    """Write the pages, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a page is stale")
    check = parser.parse_args().check
    stale = []
    for name, make in PAGES.items():
        text, path = NOTE + "\n" + make().rstrip() + "\n", HERE / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.write_text(text, encoding="utf-8")
    word = "stale, run `python docs/generate.py`" if check else "written"
    print("\n".join(f"docs/{name}: {word}" for name in stale) or "docs are up to date")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
