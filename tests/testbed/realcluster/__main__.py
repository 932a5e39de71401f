"""The command: `python tests/testbed up --kubeconfig FILE` makes a real Kubernetes; the other words build, break and end it."""

import argparse
import sys
from pathlib import Path

from . import build, faults, namespace, packages
from .add_ons import ADD_ONS
from .add_ons import parse as parse_add_ons
from .paths import State, default_state
from .shell import TestbedError


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python tests/testbed", description=__doc__)
    words = parser.add_subparsers(dest="word", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--state",
        type=Path,
        default=default_state(),
        metavar="DIR",
        help="folder of this testbed (default: %(default)s)",
    )
    words.add_parser("check", help="say whether this machine can run a testbed")
    words.add_parser("build", help="build what is missing in the cache, add-ons included")
    started = words.add_parser("up", parents=[common], help="bring a cluster up and serve until killed")
    started.add_argument(
        "--kubeconfig", type=Path, required=True, metavar="FILE", help="written when the cluster is ready"
    )
    started.add_argument(
        "--with",
        dest="add_ons",
        default="",
        metavar="NAMES",
        help=f"add-ons, with commas between them: {', '.join(ADD_ONS)}",
    )
    words.add_parser("down", parents=[common], help="kill a testbed and clean up behind it")
    fault = words.add_parser(
        "fault", parents=[common], help="switch faults of a running testbed: on NAME, off NAME, list"
    )
    fault.add_argument("switch", choices=("on", "off", "list"))
    fault.add_argument("name", nargs="?", default="")
    path = words.add_parser("path", help="print where a built program lies")
    path.add_argument("program")
    inside = words.add_parser("inside", help="what `up` runs in its namespaces; not for people")
    inside.add_argument("state", type=Path)
    inside.add_argument("listener", type=int)
    inside.add_argument("port", type=int)
    inside.add_argument("kubeconfig", type=Path)
    inside.add_argument("block", type=int)
    return parser.parse_args(arguments)


def check() -> int:
    """Say in one line whether a testbed can run here."""
    reason = packages.obstacle()
    print(f"cannot run a testbed: {reason}" if reason else "this machine can run a testbed")
    return 1 if reason else 0


def fault(options: argparse.Namespace, state: State) -> None:
    """Switch a fault, or print the table."""
    if options.switch == "list":
        print("\n".join(faults.listing(state)))
    else:
        faults.switch(state, options.name, options.switch == "on")


def obey(options: argparse.Namespace) -> int:
    """Do what the command line says."""
    if options.word == "check":
        return check()
    if options.word == "path":
        print(build.find_cache().file(options.program))
        return 0
    if options.word == "build":
        packages.require()
        build.build(ADD_ONS)
        return 0
    state = State(options.state.resolve())
    if options.word == "up":
        packages.require()
        add_ons = parse_add_ons(options.add_ons)
        build.build(add_ons)
        namespace.up(state, options.kubeconfig.resolve(), add_ons)
    elif options.word == "inside":
        return namespace.inside(state, options.listener, options.port, options.kubeconfig, options.block)
    elif options.word == "down":
        namespace.down(state)
    else:
        fault(options, state)
    return 0


def main() -> int:
    """Run, and turn an error into one clear line."""
    try:
        return obey(parse(sys.argv[1:]))
    except TestbedError as error:
        print(f"testbed: {error}", file=sys.stderr, flush=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())
