"""The application, and the arguments and options that several commands share."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "EPILOG",
    "AllowOption",
    "AtOption",
    "CasesArgument",
    "ConfirmedOption",
    "CountriesOption",
    "EncoderOption",
    "ExplainOption",
    "HtmlOption",
    "JsonOption",
    "Layout",
    "LocationArgument",
    "MapOption",
    "PbxOption",
    "PlotOption",
    "ProfileOption",
    "ReembedOption",
    "RefuseOption",
    "RegionOption",
    "SheetArgument",
    "SheetRegionOption",
    "SipHostOption",
    "SkipOption",
    "SnapshotArgument",
    "SourceArgument",
    "TemplateOption",
    "TimezoneOption",
    "VerifiedOption",
    "app",
    "examples",
]

EPILOG = """\b
Exit codes:
    0  done; diff: no difference
    1  the sheet has errors; check --strict: findings; diff, backtest: differences; fit: nothing gained
    2  wrong usage, or cases with errors; diff: also a sheet with errors
    3  unknown location
    4  the snapshot is missing, altered, or of another encoder
    5  the encoder or its model cannot be loaded, or failed
   70  internal error: a bug
  130  interrupted
  141  whoever read the output went away"""


def examples(*lines: str) -> str:
    """Write the examples of a command, as its help shows them."""
    return "\n".join(["\b", "Examples:", *(f"  routing-engine {line}" for line in lines)])


app = typer.Typer(
    name="routing-engine",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Layout(StrEnum):
    """Layout of a sheet."""

    LONG = "long"
    WIDE = "wide"


SheetArgument = Annotated[
    Path,
    typer.Argument(
        metavar="SHEET", exists=True, dir_okay=False, help="Routing sheet, .csv, .tsv or .xlsx."
    ),
]
SnapshotArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="Snapshot, as `import` wrote it.")
]
SourceArgument = Annotated[
    Path,
    typer.Argument(metavar="SOURCE", exists=True, help="Snapshot, or routing sheet."),
]
CasesArgument = Annotated[
    Path,
    typer.Argument(
        metavar="CASES",
        exists=True,
        dir_okay=False,
        help="Labelled calls: .csv, .xlsx or .parquet with the columns location_id, utterance and "
        "label (empty where no rule is right), or .jsonl.",
    ),
]
PlotOption = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="PNG",
        dir_okay=False,
        help="Draw confusion, calibration and thresholds.",
    ),
]
HtmlOption = Annotated[
    Path | None,
    typer.Option(
        "--html",
        metavar="FILE",
        dir_okay=False,
        help="Write the report as one HTML page, with charts.",
    ),
]
LocationArgument = Annotated[str, typer.Argument(metavar="LOCATION", help="Location id.")]
RegionOption = Annotated[
    str,
    typer.Option(
        metavar="CODE|none",
        help="Country whose national phone number format is read beside E.164, or none.",
    ),
]
SheetRegionOption = Annotated[
    str | None,
    typer.Option(
        metavar="CODE|none",
        help="Country whose national phone number format is read beside E.164, or none; US where "
        "neither this nor the profile says it.",
    ),
]
MapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="HEADER=COLUMN",
        help="What a header of the sheet means, such as Filiale=location_id; ignore for a column "
        "that is not read, rule for one that is a rule. May be given several times.",
    ),
]
ProfileOption = Annotated[
    Path | None,
    typer.Option(
        "--profile",
        metavar="FILE",
        dir_okay=False,
        help="JSON file that remembers --map, --pbx, --timezone, --allow, --refuse, --countries "
        "and --sip-host.",
    ),
]
PbxOption = Annotated[
    str | None,
    typer.Option(metavar="HOST", help="SIP host whose extensions numbers of 3 to 5 digits are."),
]
TimezoneOption = Annotated[
    str | None, typer.Option(metavar="ZONE", help="IANA zone of locations that name none.")
]
AllowOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TYPE|NUMBER",
        help="A type of numbers that may be dialled, such as shared_cost, or one number or SIP URI. "
        "May be given several times.",
    ),
]
RefuseOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TYPE",
        help="A type of numbers that may not be dialled, such as mobile, or sip for SIP URIs. "
        "May be given several times.",
    ),
]
SipHostOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="HOST",
        help="A host that SIP URIs may name, such as sip.example.com, or *.example.com; else all. "
        "May be given several times.",
    ),
]
CountriesOption = Annotated[
    str | None,
    typer.Option(
        metavar="CODES", help="Countries that may be dialled, such as DE,AT,CH; else all."
    ),
]
TemplateOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="Sheet that says what each rule means: label, when, examples. For the wide layout.",
    ),
]
SkipOption = Annotated[
    bool, typer.Option("--skip-errors", help="Leave out what is wrong, and report it.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]
EncoderOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="default, a sentence-transformers model name, or its folder (which needs the extra "
        "sentence-transformers). hashing is a fake for tests: fast, without a model, and without "
        "understanding.",
    ),
]
ReembedOption = Annotated[
    bool,
    typer.Option(
        "--reembed",
        help="Where another encoder made the snapshot: embed its rules again, and save it. "
        "What was fitted with that encoder is lost.",
    ),
]
VerifiedOption = Annotated[
    bool, typer.Option("--verified", help="The caller's identity has been verified.")
]
ConfirmedOption = Annotated[
    bool, typer.Option("--confirmed", help="The caller has confirmed the transfer.")
]
AtOption = Annotated[
    datetime | None,
    typer.Option(
        "--at",
        formats=["%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S%z"],
        metavar="TIME",
        help="The time for which business hours count, such as 2026-03-08T22:00-05:00; the "
        "present without it.",
    ),
]
ExplainOption = Annotated[
    bool, typer.Option("--explain", help="Say why, and show how every rule of the location scored.")
]
