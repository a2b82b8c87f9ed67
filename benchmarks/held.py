"""Sentences in which a word alone misleads: denials, talk of people, answers to a question.

``data/held`` holds two sets of each. The one called "held" was written by somebody who did not tune
the engine, and is only ever counted. The one called "dev" is what its patterns, the sense of asking
for a person and the margins of an answer were chosen with.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.encoders import RememberingEncoder, make_encoder
from benchmarks.report import ROOT, Document, Table, machine, number, setting
from routing_engine import Decision, Encoder, InvalidValueError, Location, Outcome, Reason
from routing_engine import RoutingEngine as Engine

__all__ = ["BENCHMARK", "HELD", "SETS", "measure", "read_lines"]

HELD = ROOT / "data" / "held"
SETS = ("dev", "held")
OPEN = datetime(2026, 3, 4, 19, tzinfo=UTC)

OTHER_MEANINGS = ("both", "neither", "unclear", "person")
"""What an answer to a question may mean, besides the label of an option."""


def read_lines(folder: Path, which: str, name: str) -> list[dict[str, Any]]:
    """The lines of one file of a set.

    Raises:
        InvalidValueError: it cannot be read, or holds none.
    """
    path = folder / f"{'' if which == 'held' else f'{which}-'}{name}.jsonl"
    try:
        found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise InvalidValueError(f"{path} cannot be read: {error}") from error
    if not found:
        raise InvalidValueError(f"{path} holds no line")
    return found


def read_locations(folder: Path, which: str) -> list[Location]:
    """The locations of a set's denials; each rule and each default has a destination of its own."""
    path = folder / f"{'' if which == 'held' else f'{which}-'}locations.json"
    try:
        given: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidValueError(f"{path} cannot be read: {error}") from error
    return [_location(name, item["rules"]) for name, item in given.items()]


def _location(name: str, rules: Sequence[dict[str, str]]) -> Location:
    host = f"{name.replace('_', '-')}.example"  # a host name has no underscores
    return Location.model_validate(
        {
            "location_id": name,
            "default_destination": f"sip:default@{host}",
            "rules": [{**rule, "destination": f"sip:{i}@{host}"} for i, rule in enumerate(rules)],
        }
    )


def _sent_to(decision: Decision) -> str | None:
    """Label of the rule that a decision sends the caller to."""
    rule = decision.rule
    return rule.label if decision.outcome is Outcome.TRANSFER and rule is not None else None


def measure_denials(engine: Engine, lines: Sequence[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Count where callers are sent who deny one rule, by way of deciding.

    Returns:
        For ``route`` and ``hear``: ``denied``, all; of these ``sent_where_denied``. ``asking``,
        those who want another rule; of these ``sent_where_asked``, and ``asked_back``, who are
        asked whether it is that one. ``other``, those who want none; of these ``other_sent``.
    """
    names = (
        *("denied", "sent_where_denied", "asking", "sent_where_asked", "asked_back"),
        *("other", "other_sent"),
    )
    found = {way: dict.fromkeys(names, 0) for way in ("route", "hear")}
    for line in lines:
        location_id, words, asks = line["location"], line["utterance"], line["asks"]
        for way, decision in (
            ("route", engine.route(location_id, words, now=OPEN)),
            ("hear", engine.open_call(location_id, now=OPEN).hear(words, now=OPEN)),
        ):
            label = _sent_to(decision)
            counts = found[way]
            counts["denied"] += 1
            counts["sent_where_denied"] += label == line["denies"]
            if asks is None:
                counts["other"] += 1
                counts["other_sent"] += label is not None
                continue
            counts["asking"] += 1
            counts["sent_where_asked"] += label == asks
            choices = decision.choices or () if decision.outcome is Outcome.CLARIFY else ()
            counts["asked_back"] += asks in [rule.label for rule in choices]
    return found


def measure_persons(engine: Engine, lines: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Count who is heard to ask for a person, at a location whose rules take nobody.

    Returns:
        ``asking``, of these ``heard``; ``mentioning``, of these ``left``, who are not taken to ask
        for one. The same by tone, as ``tone/…``.
    """
    found: dict[str, int] = {}
    for line in lines:
        (location_id,) = engine.location_ids()
        decision = engine.open_call(location_id, now=OPEN).hear(line["utterance"], now=OPEN)
        is_heard = decision.reason is Reason.PERSON_REQUESTED
        whole, part = ("asking", "heard") if line["asks_person"] else ("mentioning", "left")
        for prefix in ("", f"{line['tone']}/"):
            found.setdefault(f"{prefix}{whole}", 0)
            found.setdefault(f"{prefix}{part}", 0)
            found[f"{prefix}{whole}"] += 1
            found[f"{prefix}{part}"] += is_heard == line["asks_person"]
    return found


def measure_answers(encoder: Encoder, lines: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Count which answers to "this or that?" are understood, by what they mean.

    "Both" goes to the surer rule, which the question names first. "Neither" and what is unclear
    must not be transferred, and who wants a person goes to the default.

    Returns:
        Under ``option`` and each of :data:`OTHER_MEANINGS`: how many; with ``right/`` before it,
        how many of these are understood. ``misled``: sent to a rule that is not meant.
    """
    meanings = ("option", *OTHER_MEANINGS)
    found = {**dict.fromkeys(meanings, 0), **{f"right/{name}": 0 for name in meanings}, "misled": 0}
    for engine, given in _by_question(encoder, lines):
        for line in given:
            means = line["means"]
            decision = _answered(engine, line)
            sent = _sent_to(decision)
            labels = [option["label"] for option in line["options"]]
            meant = labels[0] if means == "both" else means
            if meant in labels:
                is_right = sent == meant
            elif means == "person":
                is_right = sent is None and decision.reason is Reason.PERSON_REQUESTED
            else:
                is_right = decision.outcome is Outcome.CONTAIN
            kind = "option" if means in labels else means
            found[kind] += 1
            found[f"right/{kind}"] += is_right
            found["misled"] += sent is not None and sent != meant
    return found


def _by_question(
    encoder: Encoder, lines: Sequence[dict[str, Any]]
) -> Iterator[tuple[Engine, list[dict[str, Any]]]]:
    """An engine of one location with the two rules of each question, and its answers."""
    questions: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        questions.setdefault(json.dumps(line["options"]), []).append(line)
    for given in questions.values():
        yield Engine([_location("asked", given[0]["options"])], encoder=encoder), given


def _answered(engine: Engine, line: dict[str, Any]) -> Decision:
    """The decision on an answer, in a call whose question it answers."""
    call = engine.open_call("asked", now=OPEN)
    call.hear("hi", now=OPEN)
    call.agent_said(line["question"], now=OPEN)
    # Which words make an engine ask depends on its rules; the record of a call says that it did.
    record = json.loads(call.to_json())
    record["asked"] = [option["label"] for option in line["options"]]
    record["has_asked"] = True
    return engine.resume_call(json.dumps(record)).hear(line["answer"], now=OPEN)


def measure(encoder: Encoder, folder: Path, which: str) -> dict[str, Any]:
    """All counts of one set."""
    memory = RememberingEncoder(encoder)
    engine = Engine(read_locations(folder, which), encoder=memory)
    # A rule that no confidence reaches: everybody is to be heard by what they say of people alone.
    nobody = _location("nobody", [{"label": "Billing", "when": "caller asks about a bill"}])
    rules = [rule.model_copy(update={"threshold": 1.0}) for rule in nobody.rules]
    persons = Engine([nobody.model_copy(update={"rules": tuple(rules)})], encoder=memory)
    return {
        "denials": measure_denials(engine, read_lines(folder, which, "denials")),
        "persons": measure_persons(persons, read_lines(folder, which, "persons")),
        "answers": measure_answers(memory, read_lines(folder, which, "clarify_answers")),
    }


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, default=HELD, help="the sets (data/held)")
    parser.add_argument("--set", choices=SETS, action="append", help="only this one (both)")


def _run(options: Namespace) -> Document:
    encoder = make_encoder(options.encoder)
    results = {which: measure(encoder, options.folder, which) for which in options.set or SETS}
    meta = machine(seed=options.seed, encoder=encoder.fingerprint)
    parameters = {"quick": options.quick, "sets": list(results)}
    return Document("held", meta, parameters, {"sets": results})


def _share(part: int, whole: int) -> str:
    return f"{number(100 * part / max(1, whole))} ({part}/{whole})"


def _denials(document: Document) -> Table:
    rows = []
    for which, found in document.results["sets"].items():
        for way, n in found["denials"].items():
            rows.append(
                [
                    f"{which}, `{way}`",
                    _share(n["denied"] - n["sent_where_denied"], n["denied"]),
                    _share(n["sent_where_asked"], n["asking"]),
                    _share(n["asked_back"], n["asking"]),
                    _share(n["other"] - n["other_sent"], n["other"]),
                ]
            )
    note = (
        "Percent, with `when` only. Every caller denies one rule, or only mentions it. not there: "
        "not sent to that rule; where asked: of those who want another rule, sent to it by their "
        "first words, and asked back: asked whether it is that one; held: of those who want no "
        f"rule of the table, sent to none. {setting(document.meta)}."
    )
    columns = ("set", "not there", "where asked", "asked back", "held")
    return Table("Denials", columns, rows, note)


def _persons(document: Document) -> Table:
    rows = []
    for which, found in document.results["sets"].items():
        n = found["persons"]
        tones = sorted({name.partition("/")[0] for name in n if "/" in name})
        for tone in ("", *tones):
            prefix = f"{tone}/" if tone else ""
            rows.append(
                [
                    f"{which}, {tone or 'all'}",
                    _share(n.get(f"{prefix}heard", 0), n.get(f"{prefix}asking", 0)),
                    _share(n.get(f"{prefix}left", 0), n.get(f"{prefix}mentioning", 0)),
                ]
            )
    note = (
        "Percent. heard: of those who ask for a person, taken to ask for one; left: of those who "
        f"mention people and ask for something else, not taken so. {setting(document.meta)}."
    )
    return Table("Persons", ("set, tone", "heard", "left"), rows, note)


def _answers(document: Document) -> Table:
    meanings = ("option", *OTHER_MEANINGS)
    rows = []
    for which, found in document.results["sets"].items():
        n = found["answers"]
        total = sum(n[name] for name in meanings)
        right = sum(n[f"right/{name}"] for name in meanings)
        rows.append(
            [
                which,
                _share(right, total),
                *(_share(n[f"right/{name}"], n[name]) for name in meanings),
                _share(n["misled"], total),
            ]
        )
    note = (
        "Percent of answers to a question between two rules that are understood. option: sent to "
        "the rule that is meant; both: to the first; neither, unclear: stay with the agent; "
        f"person: to the default. misled: sent to a rule not meant. {setting(document.meta)}."
    )
    return Table("Answers", ("set", "all", *meanings, "misled"), rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, (ax,) = new_plot()
    sets = document.results["sets"]
    names = ("not where denied", "where asked", "person heard", "person left", "answers")
    places = np.arange(len(names))
    for i, (which, found) in enumerate(sets.items()):
        n, people, answers = found["denials"]["route"], found["persons"], found["answers"]
        meanings = ("option", *OTHER_MEANINGS)
        heights = [
            1.0 - n["sent_where_denied"] / n["denied"],
            n["sent_where_asked"] / max(1, n["asking"]),
            people["heard"] / max(1, people["asking"]),
            people["left"] / max(1, people["mentioning"]),
            sum(answers[f"right/{name}"] for name in meanings)
            / sum(answers[name] for name in meanings),
        ]
        ax.bar(places + (i - 0.5) * 0.4, [100 * height for height in heights], 0.4, label=which)
    ax.set_xticks(places, names, fontsize=8)
    ax.set(title="Sentences in which a word alone misleads", ylabel="%", ylim=(0, 100))
    ax.grid(alpha=0.3, axis="y")
    figure.legend(loc="outside upper right", ncols=2)
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="held",
    summary="denials, talk of people and answers to a question, of a set that is only counted",
    add_options=_add_options,
    run=_run,
    tables={"held-denials": _denials, "held-persons": _persons, "held-answers": _answers},
    plot=_plot,
)
