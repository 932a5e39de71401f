"""The command ``ai-conformance``: words and options only; each subcommand is a module that loads when it is used."""

import argparse
import difflib
import importlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from conformance import __version__, options
from conformance.errors import ExitCode, StopError, UsageError

PROGRAM = "ai-conformance"
_EPILOG = """exit codes: 0 conformant, 1 not conformant, 2 wrong usage or configuration, 3 no check could run,
4 inconclusive, 5 verdict fine but clean-up incomplete, 130 interrupted"""


class _Parser(argparse.ArgumentParser):
    """Parser whose complaints are one line, like those of every other part of the suite."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (`{self.prog} --help` shows the usage)")


def _common(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("select", nargs="*", metavar="WORD", help=options.SELECT)
    add(
        "-k", dest="keyword", default="", metavar="EXPR", help="only checks that match, such as 'claim and not sibling'"
    )
    options.add(options.RUN, add)
    add("--workers", type=options.count, default=4, metavar="N", help="checks that run at the same time (default: 4)")


def _scheduling(parser: argparse.ArgumentParser) -> None:
    options.add(options.SCHEDULING, parser.add_argument)


def _cluster(parser: argparse.ArgumentParser) -> None:
    options.add(options.CLUSTER, parser.add_argument)


def _simulated(parser: argparse.ArgumentParser, *, required: bool) -> None:
    default = None if required else "conformant"
    parser.add_argument(
        "--world", default=default, required=required, metavar="W", help="simulated cluster (fixtures/worlds)"
    )
    parser.add_argument(
        "--fault", action="append", default=[], metavar="F", help="make it wrong in this way (fixtures/faults)"
    )


def _output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", choices=["table", "json"], default="table", help="for people or for programs")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=PROGRAM, description="Proves whether a Kubernetes cluster can really do AI.", epilog=_EPILOG)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=_EPILOG)
        made.set_defaults(module=name.replace("-", "_"))
        return made

    _running(command)
    _reading(command)
    _proving(command)
    _administering(command)
    return parser


def _running(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    run = command("run", "run checks on a cluster and write a report")
    _common(run)
    _scheduling(run)
    _cluster(run)
    run.add_argument("--yes", "-y", action="store_true", help="do not ask before touching the cluster")
    demo = command("demo", "run checks on a simulated cluster, without a kubeconfig")
    _common(demo)
    _scheduling(demo)
    _simulated(demo, required=False)
    plan = command("plan", "show what a run would do, and touch nothing")
    _common(plan)
    _scheduling(plan)
    _cluster(plan)


def _reading(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    _output(command("checks", "list the checks"))
    explain = command("explain", "say what a check proves, how, and how to fix what it finds")
    explain.add_argument("check", metavar="CHECK", help="check or requirement")
    _output(explain)
    _output(command("profiles", "list the profiles"))
    found = command("accelerators", "show which accelerators a cluster has, whole and shared, allocated and free")
    _cluster(found)
    options.add({"descriptor": options.RUN["descriptor"]}, found.add_argument)
    _output(found)
    report = command("report", "render a results file again")
    report.add_argument("file", metavar="FILE", help="conformance.json, or the folder that holds it")
    report.add_argument("--out", metavar="DIR", help="write report.md and junit.xml there")
    command("path", "print the folder of the checks, for plain pytest")


def _proving(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    proof = command("self-test", "show that every check can fail: run it against every fault of its own")
    proof.add_argument("checks", nargs="*", metavar="CHECK", help="check or requirement (default: all)")
    proof.add_argument(
        "--parallel", type=options.count, default=2, metavar="N", help="faults at the same time (default: 2)"
    )
    proof.add_argument(
        "--everything",
        action="store_true",
        help="with every fault run all checks, not only those of the modules that it touches",
    )
    scale = "factor on every limit (default: 0.25; the simulated cluster is quick)"
    proof.add_argument("--timeout-scale", type=options.positive, default=0.25, metavar="F", help=scale)
    _output(proof)
    simulated = command("cluster", "run a simulated cluster to play with")
    actions = simulated.add_subparsers(dest="action", metavar="ACTION", required=True)
    up = actions.add_parser("up", help="serve until stopped")
    _simulated(up, required=True)
    up.add_argument("--kubeconfig", required=True, metavar="FILE", help="where to write its kubeconfig")


def _administering(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    sweep = command("sweep", "remove what dead runs left on a cluster")
    _cluster(sweep)
    sweep.add_argument("--namespace", metavar="NS", help="look inside this namespace")
    rbac = command("rbac", "print the roles that the checks need")
    rbac.add_argument("select", nargs="*", metavar="WORD", help="requirement, check or section (default: all)")
    rbac.add_argument("--namespace", metavar="NS", help="for runs with --namespace")
    rbac.add_argument("--name", default=PROGRAM, metavar="NAME", help="name of the roles")


def _words_of(parser: argparse.ArgumentParser) -> list[str]:
    return [name for action in parser._subparsers._group_actions for name in action.choices]  # type: ignore[union-attr]  # noqa: SLF001


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(arguments)
    except StopError as error:
        print(f"{PROGRAM}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.USAGE
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(arguments: list[str]) -> int:
    parser = _parser()
    known = _words_of(parser)
    if arguments and not arguments[0].startswith("-") and arguments[0] not in known:
        close = difflib.get_close_matches(arguments[0], known, n=1)
        cure = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
        raise UsageError(f"no command {arguments[0]!r}; {cure}")
    args = parser.parse_args(arguments)
    code: int = importlib.import_module(f"conformance.commands.{args.module}").main(args)
    return code


if __name__ == "__main__":
    sys.exit(main())
