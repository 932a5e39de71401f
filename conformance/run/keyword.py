"""``-k`` over the plan: which records are expected has to be known before pytest collects anything.

Words match without case anywhere in the id or the title of a check, as pytest's own ``-k`` matches names.
"""

import re
from collections.abc import Callable

from conformance.errors import UsageError

_TOKEN = re.compile(r"\(|\)|[^\s()]+")
_OPERATORS = ("and", "or", "not", "(", ")")

Matcher = Callable[[str], bool]


class _Parser:
    """Recursive descent: or < and < not < word."""

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.tokens = _TOKEN.findall(expression)

    def next_is(self, word: str) -> bool:
        if self.tokens[:1] == [word]:
            self.tokens.pop(0)
            return True
        return False

    def either(self) -> Matcher:
        parts = [self.both()]
        while self.next_is("or"):
            parts.append(self.both())
        return lambda text: any(part(text) for part in parts)

    def both(self) -> Matcher:
        parts = [self.negated()]
        while self.next_is("and"):
            parts.append(self.negated())
        return lambda text: all(part(text) for part in parts)

    def negated(self) -> Matcher:
        if self.next_is("not"):
            inner = self.negated()
            return lambda text: not inner(text)
        if self.next_is("("):
            inner = self.either()
            if not self.next_is(")"):
                raise self.wrong("a parenthesis is not closed")
            return inner
        return self.word()

    def word(self) -> Matcher:
        if not self.tokens or self.tokens[0] in _OPERATORS:
            raise self.wrong(
                f"a word is wanted before {self.tokens[0]!r}" if self.tokens else "a word is wanted at the end"
            )
        word = self.tokens.pop(0).casefold()
        return lambda text: word in text

    def wrong(self, what: str) -> UsageError:
        return UsageError(f"-k {self.expression!r}: {what}; write words with and, or, not and parentheses")


def compile_keyword(expression: str) -> Matcher:
    """Function that says whether a text matches. Raises ``UsageError`` for an expression that cannot be read."""
    if not expression.strip():
        return lambda _text: True
    parser = _Parser(expression)
    matcher = parser.either()
    if parser.tokens:
        raise parser.wrong(f"{parser.tokens[0]!r} is not expected here")
    return lambda text: matcher(text.casefold())
