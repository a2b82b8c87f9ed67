"""Every type that a public function takes or returns can be imported from where it is public.

Runs beside the sources, and against an installed wheel: it reads no file of the project.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import sys
import typing

import pytest

import routing_engine
from routing_engine.integrations.ways import WAYS

FACES = (
    "routing_engine",
    "routing_engine.sheets",
    "routing_engine.store",
    "routing_engine.gateways.twilio",
    "routing_engine.distributed",
    "routing_engine.integrations",
    "routing_engine.integrations.conversation",
    "routing_engine.integrations.ways",
    *sorted({f"routing_engine.integrations.{way.builder.partition('.')[0]}" for way in WAYS}),
)
"""Modules whose names are public; a type of one may be exported by itself or by the first."""

MADE_BY_THE_LIBRARY = frozenset(
    {"Call", "Decision", "Evaluation", "Feed", "Following", "Skill", "Store", "UnitOfWork"}
)
"""Classes that users are given and never construct: what builds them is internal."""

CALLED_BY_NAME = frozenset({"__init__", "__call__", "__iter__", "__getitem__", "__contains__"})

# What only annotations name.
TYPES_OF_OTHERS = {
    "RenderableType": object,
    "Dataset": object,
    "pd": importlib.import_module("pandas"),
}


def exported(face):
    module = importlib.import_module(face)
    return {name: getattr(module, name) for name in module.__all__}


@functools.cache
def names_for_types(module):
    """What annotations of a module may name: its own names, and those imported for types alone."""
    names = {**TYPES_OF_OTHERS, **vars(sys.modules[module])}
    for block in ast.parse(inspect.getsource(sys.modules[module])).body:
        if not (isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"):
            continue
        for node in block.body:
            if isinstance(node, ast.ImportFrom) and node.module.startswith("routing_engine"):
                source = importlib.import_module(node.module)
                names |= {a.asname or a.name: getattr(source, a.name) for a in node.names}
    return names


def hints(owner):
    """Annotation name -> type, of a class's own attributes or of a function."""
    found = dict(inspect.get_annotations(owner))
    names = names_for_types(owner.__module__)
    return {
        name: eval(hint, names) if isinstance(hint, str) else hint for name, hint in found.items()
    }


def members(cls):
    """(name, types) of all that users of a class see: attributes, properties, methods."""
    for base in cls.__mro__:
        if not base.__module__.startswith("routing_engine"):
            continue
        for name, hint in hints(base).items():
            if not name.startswith("_"):
                yield name, [hint]
        for name, member in vars(base).items():
            if name.startswith("_") and name not in CALLED_BY_NAME:
                continue
            constructs = name == "__init__" or isinstance(member, classmethod)
            if constructs and cls.__name__ in MADE_BY_THE_LIBRARY:
                continue
            function = getattr(member, "fget", None) or getattr(member, "__func__", member)
            if inspect.isfunction(function):
                yield name, list(hints(function).values())


def classes_in(hint):
    """Classes of the package that a type is made of."""
    if isinstance(hint, type) and not typing.get_args(hint):
        if hint.__module__.startswith("routing_engine"):
            yield hint
        return
    origin = typing.get_origin(hint)
    if isinstance(origin, type):
        yield from classes_in(origin)
    for part in typing.get_args(hint):
        for one in part if isinstance(part, list) else [part]:
            yield from classes_in(one)


def hidden_types(public, importable):
    """``Class.member: Type`` for each type that a public member has and nobody can import."""
    for name, value in public.items():
        if isinstance(value, type):
            parts = members(value)
        elif inspect.isfunction(value):
            parts = [("", list(hints(value).values()))]
        else:
            continue
        for member, types in parts:
            for cls in {found for hint in types for found in classes_in(hint)}:
                if importable.get(cls.__name__) is not cls:
                    yield f"{name}.{member}: {cls.__module__}.{cls.__name__}"


@pytest.mark.parametrize("face", FACES)
def test_a_type_of_a_public_member_is_public(face):
    if face == "routing_engine.store":
        pytest.importorskip("sqlalchemy", reason="the store needs the extra server")
    if face == "routing_engine.gateways.twilio":
        pytest.importorskip("fastapi", reason="the router needs the extra twilio")
    public = exported(face)
    importable = {**exported(FACES[0]), **public}
    assert sorted(hidden_types(public, importable)) == []


def test_the_walk_finds_types_in_attributes_methods_properties_and_generics():
    public = exported(FACES[0])
    without = {
        "SheetIssue": "ImportReport.errors",
        "CallPolicy": "RoutingEngine.open_call",
        "Evaluation": "Fitting.before",
        "Skill": "RoutingEngine.skill",
        "Case": "RoutingEngine.evaluate",
        "Candidate": "Decision.candidates",
        "Following": "RoutingEngine.follow",
    }
    for name, place in without.items():
        left = {key: value for key, value in public.items() if key != name}
        assert any(found.startswith(f"{place}:") for found in hidden_types(public, left)), name


def test_every_public_name_comes_with_a_star_import():
    names = {}
    exec("from routing_engine import *", names)
    assert set(names) >= set(routing_engine.__all__)
