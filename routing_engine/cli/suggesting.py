"""``suggest``: propose examples for the rules of a sheet or snapshot."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from routing_engine.cli.opening import no_location, open_source
from routing_engine.cli.options import (
    EncoderOption,
    JsonOption,
    ReembedOption,
    SourceArgument,
    app,
    examples,
)
from routing_engine.cli.profile import SheetSettings
from routing_engine.cli.reading import reads_sheets
from routing_engine.cli.terminal import (
    ExitCode,
    emit_json,
    fail,
    guarded,
    note,
    plain,
    stderr,
    stdout,
    working,
)

if TYPE_CHECKING:
    from routing_engine.engine import RoutingEngine
    from routing_engine.model.rules import Location, RuleText
    from routing_engine.quality.suggesting import Source, Suggestions

__all__ = ["suggest"]

KEY_VARIABLE = "ROUTING_ENGINE_MODEL_KEY"


@app.command(
    epilog=examples(
        "suggest data/franchise.csv --location store-0042",
        "suggest stores.csv --out stores-with-examples.csv",
        "suggest brand --model http://localhost:8000/v1 --model-name small --json",
    )
)
@guarded
@reads_sheets
def suggest(
    *,
    source: SourceArgument,
    location: Annotated[
        str | None, typer.Option(metavar="ID", help="One location; all of them without it.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="SHEET",
            dir_okay=False,
            help="Sheet to write, with examples added to rules that have none.",
        ),
    ] = None,
    per_rule: Annotated[
        int, typer.Option(min=1, max=64, help="At most so many examples a rule.")
    ] = 8,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Ask an OpenAI-compatible endpoint instead, such as http://localhost:8000/v1. "
            "The rules' labels, whens and examples are sent to it; nothing else is. Its key is "
            f"read from ${KEY_VARIABLE}.",
        ),
    ] = None,
    model_name: Annotated[
        str, typer.Option(metavar="NAME", help="Of the endpoint's model.")
    ] = "default",
    reading: SheetSettings,
    json_output: JsonOption = False,
    encoder: EncoderOption = "default",
    reembed: ReembedOption = False,
) -> None:
    """Propose examples for rules: what callers of other businesses said in such situations.

    They come from calls that ship with the package; nothing leaves this machine
    unless --model names an endpoint. None is one that another rule of the location
    would take. Read them: they speak of other trades. Nothing is written without
    --out; what a rule has already is never changed.
    """
    from routing_engine.quality.asking_models import ModelEndpoint

    asked = (
        None
        if model is None
        else ModelEndpoint(
            model, name=model_name, key=os.environ.get(KEY_VARIABLE), per_rule=per_rule
        )
    )
    engine = open_source(source, encoder, reading, reembed=reembed)
    if location is not None and location not in engine:
        fail(f"{source}: {no_location(location, engine.columns)}", ExitCode.UNKNOWN_LOCATION)
    names = engine.location_ids() if location is None else (location,)
    with working("looking for examples"):
        found = _found(engine, names, per_rule, asked)
    n_rules, n_added = (0, 0) if out is None else _write(engine, found, out)
    if json_output:
        written = None if out is None else str(out)
        emit_json(
            {
                "locations": _as_dicts(found),
                "written": written,
                "n_rules": n_rules,
                "n_examples": n_added,
            }
        )
        return
    for names_of, proposed in found.values():
        others = f" and {len(names_of) - 1} more" if len(names_of) > 1 else ""
        stdout().print(f"{plain(names_of[0])}{others}", soft_wrap=True)
        for label, own in proposed.rules:
            stdout().print(f"  {plain(label)}{'' if own else ': nothing near'}", soft_wrap=True)
            for item in own:
                said = f"    {item.confidence:.2f}  {plain(item.text)}  [{plain(item.source)}]"
                stdout().print(said, soft_wrap=True)
    if out is None:
        note("nothing was written; --out SHEET fills the rules that have no examples")
    else:
        stderr().print(
            f"{plain(str(out))}: {n_added} examples added to {n_rules} rules that had none",
            soft_wrap=True,
        )


_Key = tuple[tuple["RuleText", ...], float | None]
_Found = dict[_Key, tuple[list[str], "Suggestions"]]


def _key(location: Location) -> _Key:
    """Key of what proposals depend on: locations of one brand share it."""
    from routing_engine.model.rules import RuleText

    fields = set(RuleText.model_fields)
    texts = tuple(
        RuleText.model_validate(rule.model_dump(include=fields)) for rule in location.rules
    )
    return texts, location.threshold


def _found(
    engine: RoutingEngine, names: tuple[str, ...], per_rule: int, source: Source | None
) -> _Found:
    found: _Found = {}
    for name in names:
        key = _key(engine.location(name))
        if not key[0]:
            continue
        if key in found:
            found[key][0].append(name)
        else:
            found[key] = [name], engine.suggest(name, per_rule=per_rule, source=source)
    return found


def _write(engine: RoutingEngine, found: _Found, out: Path) -> tuple[int, int]:
    """Write all locations, with examples for rules that had none.

    Returns:
        Rules that were filled, and examples added, counting what locations share once.
    """
    from routing_engine.catalog.columns import LocationColumns
    from routing_engine.sheets import write_sheet

    of = {name: proposed for names, proposed in found.values() for name in names}

    def filled(location: Location) -> Location:
        proposed = of.get(location.location_id)
        if proposed is None:
            return location
        rules = [
            rule
            if rule.examples
            else rule.model_copy(update={"examples": tuple(item.text for item in own)})
            for rule, (_, own) in zip(location.rules, proposed.rules, strict=True)
        ]
        return location.model_copy(update={"rules": tuple(rules)})

    write_sheet(LocationColumns.from_locations(map(filled, engine.columns.locations())), out)
    added = [
        len(own)
        for (texts, _), (_, proposed) in found.items()
        for text, (_, own) in zip(texts, proposed.rules, strict=True)
        if own and not text.examples
    ]
    return len(added), sum(added)


def _as_dicts(found: _Found) -> list[dict[str, Any]]:
    return [{"location_ids": names, **proposed.to_dict()} for names, proposed in found.values()]
