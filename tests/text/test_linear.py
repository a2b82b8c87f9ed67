"""Time on hostile texts: every pattern of the package takes time that grows with the text alone.

A pattern that is quadratic takes minutes on what a request may hold. Each is given texts that are
pumped where it repeats something; of twice the text, it may take twice the time.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import time
from collections.abc import Iterator
from pathlib import Path
from re import _constants as of  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import routing_engine

PACKAGE = Path(routing_engine.__file__).parent
SHORT, FACTOR = 1_000, 4
LEAST_S = 0.01
"""Below that a time says nothing."""


def modules() -> Iterator[Any]:
    """All modules of the package that can be imported here."""
    for found in pkgutil.walk_packages(routing_engine.__path__, "routing_engine."):
        if ".migrations" in found.name or found.name.endswith("__main__"):
            continue
        try:
            yield importlib.import_module(found.name)
        except ImportError:
            continue


def patterns_in(value: Any, depth: int = 0) -> Iterator[re.Pattern[Any]]:
    """Compiled patterns in a value of a module: itself, in containers, in classes."""
    if isinstance(value, re.Pattern):
        yield value
    elif depth > 3:
        return
    elif isinstance(value, dict):
        for item in value.values():
            yield from patterns_in(item, depth + 1)
    elif isinstance(value, (list, tuple, set, frozenset)) and len(value) < 10_000:
        for item in value:
            yield from patterns_in(item, depth + 1)


def written_in(module: Any) -> Iterator[tuple[str, Any]]:
    """Patterns that a function of a module writes out: ``re.fullmatch("…", …)``."""
    for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr != "compile"  # found where it is kept
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, (str, bytes))
        ):
            yield node.func.attr, node.args[0].value


def found() -> dict[str, tuple[re.Pattern[Any], bool]]:
    """Patterns by name, each with whether it is looked for anywhere in a text."""
    all_of_them: dict[str, tuple[re.Pattern[Any], bool]] = {}
    for module in modules():
        source = Path(module.__file__).read_text(encoding="utf-8")
        name = module.__name__.removeprefix("routing_engine.")
        for attribute, value in list(vars(module).items()):
            patterns = list(patterns_in(value))
            if not patterns:
                continue
            used = set(re.findall(rf"\b{re.escape(attribute)}\.([a-z]+)\(", source))
            anywhere = not used or bool(used - {"match", "fullmatch"})
            for pattern in patterns if name not in BOUNDED else ():
                key = f"{pattern.pattern!r:.100}"
                known = all_of_them.get(key)
                all_of_them[key] = pattern, anywhere if known is None else anywhere and known[1]
        for method, text in written_in(module) if name not in BOUNDED else ():
            anywhere = method not in ("match", "fullmatch")
            all_of_them.setdefault(f"{text!r:.100} in {name}", (re.compile(text), anywhere))
    return all_of_them


def example(items: Any) -> str:
    """A short text that matches a part of a pattern, roughly: looking around is left out."""
    made = ""
    for kind, value in items:
        if kind is of.LITERAL:
            made += chr(value)
        elif kind is of.NOT_LITERAL:
            made += "a" if value != ord("a") else "b"
        elif kind is of.ANY:
            made += "a"
        elif kind is of.IN:
            made += one_of(value)
        elif kind is of.BRANCH:
            made += example(value[1][0])
        elif kind is of.SUBPATTERN:
            made += example(value[3])
        elif kind in (of.MAX_REPEAT, of.MIN_REPEAT, of.POSSESSIVE_REPEAT):
            made += example(value[2]) * max(value[0], 1)
        elif kind is of.ATOMIC_GROUP:
            made += example(value)
    return made


def one_of(items: Any) -> str:
    negated = items[0][0] is of.NEGATE
    kind, value = items[1 if negated and len(items) > 1 else 0]
    if negated:
        for candidate in "a1 .-(_é":
            if not re.fullmatch(r"\s", candidate) or kind is not of.CATEGORY:
                return candidate
    if kind is of.LITERAL:
        return chr(value)
    if kind is of.RANGE:
        return chr(value[0])
    return {"CATEGORY_DIGIT": "1", "CATEGORY_SPACE": " "}.get(str(value), "a")


def pumped(items: Any, before: str = "") -> Iterator[str]:
    """What to repeat: each thing that a pattern repeats, alone and after what comes before it."""
    for i, (kind, value) in enumerate(items):
        head = before + example(items[:i])
        if kind in (of.MAX_REPEAT, of.MIN_REPEAT, of.POSSESSIVE_REPEAT):
            if value[1] > 20:
                part = example(value[2])
                yield part
                yield head + part
            yield from pumped(value[2], head)
        elif kind is of.SUBPATTERN:
            yield from pumped(value[3], head)
        elif kind is of.BRANCH:
            for branch in value[1]:
                yield from pumped(branch, head)
        elif kind is of.ATOMIC_GROUP:
            yield from pumped(value, head)


def took_s(pattern: re.Pattern[Any], text: Any, anywhere: bool) -> float:
    began_s = time.process_time()
    if anywhere:
        for _ in pattern.finditer(text):
            pass
    else:
        pattern.match(text)
        pattern.fullmatch(text)
    return time.process_time() - began_s


BOUNDED = {
    "model.called": "reads no text of more than MAX_WRITTEN_LENGTH characters",
    "model.destinations": "reads no text of more than MAX_WRITTEN_LENGTH characters",
    "model.reported": "reads no more than MAX_LENGTH characters",
    "model.written": "reads what model.destinations gives it",
    "text.denials": "reads no text of more than LONGEST characters",
    "hours.ranges": "reads no text of more than MAX_TEXT_LENGTH characters",
    "hours.zones": "reads no more than MAX_NAME characters",
    "validation": "looks at what is shown, which is short",
}
"""Modules whose patterns see short texts alone, and so may be what they like."""


def slow(pattern: re.Pattern[Any], anywhere: bool) -> list[str]:
    tree = parser.parse(
        pattern.pattern,
        pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags,
    )
    pumps = sorted({pump[:60] for pump in pumped(list(tree)) if pump})[:40]
    bad = []
    for pump in pumps:
        short = pump * (SHORT // len(pump) + 1) + "\n!"
        long = pump * (FACTOR * SHORT // len(pump) + 1) + "\n!"
        if isinstance(pattern.pattern, bytes):
            short, long = (text.encode("utf-8", "replace") for text in (short, long))
        if took_s(pattern, short, anywhere) > 10 * LEAST_S:
            bad.append(f"{pump!r}: more than {10 * LEAST_S:g} s for {len(short)} characters")
            continue
        if took_s(pattern, long, anywhere) < LEAST_S:
            continue
        # The best of three: something else may have had the processor.
        of_short = min(took_s(pattern, short, anywhere) for _ in range(3))
        of_long = min(took_s(pattern, long, anywhere) for _ in range(3))
        if of_long > LEAST_S and of_long > 2 * FACTOR * of_short:
            bad.append(f"{pump!r}: {of_short * 1e3:.1f} ms, {of_long * 1e3:.1f} ms")
    return bad


@pytest.mark.slow
def test_every_pattern_is_linear():
    patterns = found()
    assert len(patterns) > 100
    bad = {name: why for name, given in patterns.items() if (why := slow(*given))}
    assert bad == {}
