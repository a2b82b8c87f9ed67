"""Drawings and tables of the documentation say what the code says."""

from __future__ import annotations

import inspect

import pytest

import routing_engine
from routing_engine import Outcome, Reason
from routing_engine.cli import ExitCode
from routing_engine.integrations.ways import WAYS
from routing_engine.server.settings import Settings
from routing_engine.sheets.aliases import ALIASES
from tests.docs.generated import DOCS, wanted
from tests.docs.pages import ROOT, name_of
from tests.docs.rooms import JOURNEYS, imports_of_rooms, reduced


def page(name):
    return (DOCS / name).read_text(encoding="utf-8")


def test_what_is_generated_is_as_the_code_would_write_it_now():
    stale = [
        name_of(path)
        for path, text in wanted().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    assert stale == [], "run make docs-update"


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda journey: journey.title)
def test_each_step_of_a_journey_is_asked_for_by_a_room_that_imports_it(journey):
    imports = imports_of_rooms()
    for step in journey.steps:
        assert step.room == step.of or step.room in imports[step.of], step


def test_arrows_that_are_left_out_follow_from_those_that_are_drawn():
    imports = imports_of_rooms()
    drawn = reduced(imports)

    def reached(room):
        return drawn[room].union(*(reached(other) for other in drawn[room]))

    for room, others in imports.items():
        assert others <= reached(room)
        assert drawn[room] <= others


def test_every_outcome_and_reason_is_explained():
    text = page("reference/outcomes.md")
    assert [item for item in (*Outcome, *Reason) if f"| `{item}` |" not in text] == []


def test_every_column_of_a_sheet_is_described():
    described = page("reference/sheet-columns.md").split("<!-- aliases -->")[0]
    assert [column for column in ALIASES if f"| `{column}` |" not in described] == []


def test_every_builder_of_a_transfer_is_described():
    modules = {f"routing_engine.integrations.{way.builder.partition('.')[0]}" for way in WAYS}
    described = page("reference/api.md")
    assert [module for module in modules if f"::: {module}\n" not in described] == []


def test_every_setting_is_described():
    text = page("reference/settings.md")
    assert [name for name in Settings.model_fields if f"`{name.upper()}`" not in text] == []


def test_every_exit_code_is_described():
    text = page("reference/command-line.md").split("## Exit codes")[1]
    assert [code.value for code in ExitCode if str(code.value) not in text] == []


def test_every_public_name_is_in_the_reference():
    text = page("reference/api.md") + page("reference/errors.md")
    assert [name for name in routing_engine.__all__ if name not in text] == []


def test_every_type_that_the_engine_hands_out_is_declared_public():
    surface = page("reference/surface.md")
    named = set(routing_engine.__all__)
    for name, member in vars(routing_engine.RoutingEngine).items():
        if name.startswith("_") or not inspect.isfunction(member):
            continue
        returned = str(member.__annotations__.get("return", "")).partition("[")[0]
        returned = returned.removesuffix(" | None")
        if returned and returned[0].isupper() and returned not in named | {"None"}:
            assert f"`{returned}`" in surface, f"{name} returns {returned}"


def test_the_contributing_page_leads_to_every_room_with_more_than_a_module():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    folders = {path.parent.name for path in (ROOT / "routing_engine").glob("*/__init__.py")}
    unnamed = {room for room in folders if f"routing_engine/{room}/" not in text}
    assert unnamed <= {"catalog", "hours"}
