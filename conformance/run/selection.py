"""Which checks of the catalogue belong to this run: by requirement, check, variant, section, level, keyword and path.

Words of one kind widen the choice, different kinds narrow it. A word that matches nothing is a mistake of the user, said
before anything is touched.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from conformance import content, profiles
from conformance.catalogue import CheckInfo
from conformance.declaration import WITH
from conformance.errors import UsageError
from conformance.run.keyword import compile_keyword
from conformance.run.plan import Planned, Withheld
from conformance.run.request import Request
from conformance.verdicts import Impact, Verdict

LEVELS = ("MUST", "SHOULD", "none")
ALWAYS = ("dra_support",)
"""Requirements that run under every profile, although newer lists no longer have them (DESIGN 10)."""


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Words that may be used to choose."""

    checks: tuple[CheckInfo, ...]
    levels: Mapping[str, str]
    """Level of each requirement of the profile."""

    def level(self, requirement: str) -> str:
        """Level in the profile; ``none`` for what is not in it."""
        return self.levels.get(requirement, "none")

    def known(self) -> list[str]:
        """Every word, for suggestions."""
        words = {word for info in self.checks for word in (info.section, info.requirement, info.id)}
        return sorted(words | set(self.levels)) + list(LEVELS)


def suggestion(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` or the words that there are."""
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(names) or 'none'}"


def choose(planned: Iterable[Planned], request: Request, words: Vocabulary) -> list[Planned]:
    """The checks of this run, in the order given; what the user left out by name stays and is withheld as skipped."""
    everything = list(planned)
    _validate(everything, request, words)
    skipped = _any_word(request.skip, words)
    chosen = [entry for entry in everything if _wanted(entry, request, words)]
    return [_withhold(entry, request, skipped) for entry in chosen]


def precheck(request: Request, checks: tuple[CheckInfo, ...]) -> None:
    """Refuse words and expressions that no cluster could make right, before one is asked."""
    compile_keyword(request.keyword)
    ids = {requirement.id for name in profiles.names() for requirement in profiles.load(name).requirements}
    if request.profile:
        ids = {requirement.id for requirement in profiles.load(request.profile).requirements}
    words = Vocabulary(checks=checks, levels=dict.fromkeys(ids, "MUST"))
    known = set(words.known())
    for word in (*request.select, *request.skip):
        if word.partition("[")[0] not in known:
            raise UsageError(_unknown(word, [], words))


def _validate(planned: list[Planned], request: Request, words: Vocabulary) -> None:
    for word in (*request.select, *request.skip):
        in_profile = word in words.levels or word in LEVELS
        if not in_profile and not any(_matches(word, entry, words) for entry in planned):
            raise UsageError(_unknown(word, planned, words))
    sections = sorted({info.section for info in words.checks})
    variants = sorted({name for entry in planned for name in _variant_names(entry)})
    for given, known, name in (
        (request.sections, sections, "section"),
        (request.levels, LEVELS, "level"),
        (request.variants, variants, "variant"),
    ):
        for word in given:
            if word not in known:
                raise UsageError(f"no {name} {word!r}{suggestion(word, known)}")


def _unknown(word: str, planned: list[Planned], words: Vocabulary) -> str:
    if "[" in word:
        check = word.partition("[")[0]
        there = [entry.id for entry in planned if entry.check_id == check]
        if there:
            return f"no variant {word!r} on this cluster; there are {', '.join(there)}"
    close = difflib.get_close_matches(word, words.known(), n=1, cutoff=0.5)
    cure = f"did you mean {close[0]!r}?" if close else "`ai-conformance checks` lists what there is"
    return f"no requirement, check, section or level {word!r}; {cure}"


def _matches(word: str, entry: Planned, words: Vocabulary) -> bool:
    names = (entry.requirement, entry.check_id, entry.id, entry.section, words.level(entry.requirement))
    return word in names or word in [f"{entry.check_id}[{name}]" for name in _variant_names(entry)]


def _variant_names(entry: Planned) -> list[str]:
    """Names by which a variant can be chosen: its own, that of its kind on whatever node, and that of its solution."""
    if not entry.variant:
        return []
    kind, _, solution = entry.variant.partition(WITH)
    return list(dict.fromkeys(filter(None, (entry.variant, kind.partition("@")[0], solution))))


def _any_word(given: tuple[str, ...], words: Vocabulary) -> Callable[[Planned], bool]:
    return lambda entry: any(_matches(word, entry, words) for word in given)


def _wanted(entry: Planned, request: Request, words: Vocabulary) -> bool:
    if request.select:
        if not _any_word(request.select, words)(entry):
            return False
    elif not (request.levels or request.paths) and entry.requirement not in (*words.levels, *ALWAYS):
        return False
    return (
        (not request.sections or entry.section in request.sections)
        and (not request.levels or words.level(entry.requirement) in request.levels)
        and (not request.variants or bool(set(_variant_names(entry)) & set(request.variants)))
        and (not request.paths or any(_under(path, entry) for path in request.paths))
        and compile_keyword(request.keyword)(f"{entry.id} {entry.section} {entry.title}")
    )


def _under(argument: str, entry: Planned) -> bool:
    """Whether a path or node id given to pytest covers the check."""
    file, _, function = argument.partition("::")
    module = content.CHECKS / entry.section / f"test_{entry.requirement}.py"
    path = Path(file).resolve()
    if path != module.resolve() and path not in module.resolve().parents:
        return False
    name = f"test_{entry.check}"
    return function in ("", name, f"{name}[{entry.variant}]")


def _withhold(entry: Planned, request: Request, skipped: Callable[[Planned], bool]) -> Planned:
    if skipped(entry):
        return replace(
            entry, withheld=Withheld(verdict=Verdict.SKIPPED, code="left_out", reason="left out by the user")
        )
    order = list(Impact)
    if order.index(Impact(entry.impact)) > order.index(request.impact):
        reason = (
            f"its impact is {entry.impact} and the run allows {request.impact}; --impact {entry.impact} includes it"
        )
        return replace(entry, withheld=Withheld(verdict=Verdict.SKIPPED, code="impact", reason=reason))
    return entry
