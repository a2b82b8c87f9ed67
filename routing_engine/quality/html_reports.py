"""Reports as one HTML file: no script, nothing loaded from elsewhere, light and dark.

They hold what callers said, as the printed reports do.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routing_engine.quality import charts
from routing_engine.quality.comparing import Comparison
from routing_engine.quality.evaluation import METRICS, NO_RULE, Evaluation, percent, short

if TYPE_CHECKING:
    from routing_engine.quality.fitting import Fitting
    from routing_engine.quality.lint import LintReport
    from routing_engine.reports import ImportReport

__all__ = ["check_page", "comparison_page", "evaluation_page", "fitting_page", "write_page"]

MAX_PAIRS = 40
MAX_SENTENCES = 12
MAX_ISSUES = 50

STYLE = """
:root{--paper:#fff;--ink:#1b1e20;--soft:#5a6066;--line:#dfe0dc;--wash:#f4f4f2;--c1:#0b6e69;--c2:#8fc2bd;
--c3:#d9a441;--c4:#b0563f}
@media(prefers-color-scheme:dark){:root{--paper:#15181a;--ink:#e7e8e9;--soft:#a3a9af;--line:#31363b;
--wash:#1e2225;--c1:#4fb5ad;--c2:#2c6a66;--c3:#d9a441;--c4:#d47a61}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;
margin:2rem auto;padding:0 1.2rem}
h1{font-size:1.6rem;letter-spacing:-.015em}h2{font-size:1.1rem;margin:2rem 0 .5rem}
h3{font-size:.98rem;margin:1.2rem 0 .3rem}.soft{color:var(--soft)}
table{border-collapse:collapse;width:100%;font-size:.93rem}th,td{text-align:left;padding:.35rem .6rem;
border-bottom:1px solid var(--line);vertical-align:top}th{color:var(--soft);font-weight:600}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto}.figures{display:flex;flex-wrap:wrap;gap:.7rem;padding:0;margin:1rem 0}
.figures div{flex:1 1 8rem;background:var(--wash);border-radius:8px;padding:.6rem .9rem}
.figures dt{color:var(--soft);font-size:.85rem}.figures dd{margin:0;font-size:1.35rem;font-weight:650}
.chart{width:100%;height:auto}.axis{font-size:11px;fill:var(--soft)}.grid{stroke:var(--line)}
.c1{fill:var(--c1)}.c2{fill:var(--c2)}.c3{fill:var(--c3)}.c4{fill:var(--c4)}
.l1,.l2,.l3{fill:none;stroke:var(--c1);stroke-width:2}.l2{stroke:var(--c3)}.l3{stroke:var(--c4)}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:0 1rem;padding:0;color:var(--soft);font-size:.85rem}
.legend svg{width:.7rem;height:.7rem;margin-right:.3rem}
"""


def write_page(page: str, path: Path) -> None:
    """Write a page to a file."""
    path.write_text(page, encoding="utf-8")


def _page(title: str, parts: Iterable[str]) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{escape(title)}</h1>{''.join(parts)}</main></body></html>\n"
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], *, n_texts: int = 1) -> str:
    """A table whose first columns are texts and whose others are numbers."""

    def cells(kind: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{kind}{'' if i < n_texts else ' class=n'}>{escape(cell)}</{kind}>"
            for i, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<div class=wide><table><thead><tr>{cells('th', header)}</tr></thead><tbody>{body}</tbody></table></div>"


def _figures(values: Iterable[tuple[str, str]]) -> str:
    boxes = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(v)}</dd></div>" for name, v in values)
    return f"<dl class=figures>{boxes}</dl>"


def _sentences(said: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>“{escape(short(text))}”</li>' for text in said)}</ul>"


def evaluation_page(found: Evaluation, *, title: str = "Evaluation") -> str:
    """An evaluation as a page."""
    return _page(title, _evaluation(found))


def _evaluation(found: Evaluation) -> Iterable[str]:
    yield f"<p class=soft>{found.n:,} calls, {found.n_in_scope:,} of which a rule is right for.</p>"
    yield _figures((name, percent(getattr(found, name))) for name in METRICS)
    sweep = {
        name: [(p.threshold, y) for p in found.sweep if not math.isnan(y := getattr(p, name))]
        for name in ("right", "held", "balanced")
    }
    yield f"<h2>Other thresholds (now {found.threshold:.2f})</h2>"
    yield charts.line(sweep, title="Right, held and balanced by threshold")
    yield "<h2>Is the confidence as good as its word?</h2>"
    yield charts.line(
        {
            "how often it is right": [(b.confidence, b.right) for b in found.calibration],
            "ideal": [(0.0, 0.0), (1.0, 1.0)],
        },
        title="Share of right answers by confidence",
    )
    yield "<h2>Rules</h2>"
    yield charts.rows(
        {r.label: r.recall for r in found.rules if r.n}, title="Recall of each rule", percent=True
    )
    yield _table(
        ("rule", "calls", "sent", "precision", "recall", "held"),
        [
            (
                rule.label,
                f"{rule.n:,}",
                f"{rule.n_picked:,}",
                *(percent(x) for x in (rule.precision, rule.recall, rule.held)),
            )
            for rule in found.rules
        ],
    )
    yield "<h2>What went wrong</h2>"
    for pair in found.confused[:MAX_PAIRS]:
        should, went = pair.label or NO_RULE, pair.picked or NO_RULE
        yield f"<h3>{escape(should)} → {escape(went)} <span class=soft>{len(pair.cases):,}</span></h3>"
        yield _sentences(case.text for case in pair.cases[:MAX_SENTENCES])
    if not found.confused:
        yield "<p>Nothing.</p>"


def fitting_page(fitting: Fitting[Any]) -> str:
    """Build a page about what fitting gained."""

    def parts() -> Iterable[str]:
        verdict = f"Accepted: {fitting.setting}" if fitting.accepted else "Refused"
        yield f"<p><strong>{escape(verdict)}</strong>; {escape(fitting.reason)}</p>"
        if fitting.accepted:
            yield _table(
                ("", "before", "after"),
                [
                    (n, percent(getattr(fitting.before, n)), percent(getattr(fitting.after, n)))
                    for n in METRICS
                ],
            )
            yield _table(
                ("changed", "from", "to"),
                [(n, f"{old:.4g}", f"{new:.4g}") for n, (old, new) in fitting.changed.items()],
            )
            yield "<h2>After</h2>"
        yield from _evaluation(fitting.after)

    return _page("Fitting", parts())


def comparison_page(found: Comparison) -> str:
    """A backtest as a page."""

    def parts() -> Iterable[str]:
        yield f"<p class=soft>{found.n:,} calls, {found.n_distinct:,} different sentences.</p>"
        yield _figures(
            [
                ("would go elsewhere", f"{found.n_moved:,}"),
                ("of all", f"{found.moved_share:.1%}"),
                *(
                    [
                        ("labelled", f"{found.n_labelled:,}"),
                        ("gained", f"{found.gained:,}"),
                        ("lost", f"{found.lost:,}"),
                    ]
                    if found.n_labelled
                    else []
                ),
            ]
        )
        named = {
            f"{m.before} → {m.after}{', another number' if m.is_renumbered else ''}": float(m.n)
            for m in found.moves[:MAX_PAIRS]
        }
        if named:
            yield "<h2>From where to where</h2>" + charts.rows(named, title="Calls by move")
        for (name, _), move in zip(named.items(), found.moves, strict=False):
            yield f"<h3>{escape(name)} <span class=soft>{move.n:,}</span></h3>"
            yield _table(
                ("what callers said", "location", "goes to", "would go to", "calls"),
                [
                    (
                        short(call.text),
                        call.location_id,
                        call.before.destination or "—",
                        call.after.destination or "—",
                        f"{call.n:,}",
                    )
                    for call in move.calls[:MAX_SENTENCES]
                ],
                n_texts=4,
            )
        if found.n_unknown:
            yield (
                f"<p>{found.n_unknown:,} more calls are of locations that neither has: "
                f"{escape(', '.join(found.unknown))}</p>"
            )

    return _page("Backtest", parts())


def check_page(report: ImportReport, wording: LintReport | None) -> str:
    """Build a page about the issues of a sheet and the wording of its rules."""

    def parts() -> Iterable[str]:
        yield _figures(
            [
                ("rows", f"{report.n_rows:,}"),
                ("locations", f"{report.n_locations:,}"),
                ("rules", f"{report.n_rules:,}"),
                ("errors", f"{report.n_errors:,}"),
                ("warnings", f"{report.n_warnings:,}"),
                ("repairs", f"{report.n_repairs:,}"),
            ]
        )
        for name in ("errors", "warnings", "repairs"):
            by_code = defaultdict(list)
            for issue in getattr(report, name):
                by_code[issue.code].append(issue)
            for code, issues in sorted(by_code.items(), key=lambda item: -len(item[1])):
                yield (
                    f"<h3>{name}: {escape(code.replace('_', ' '))} "
                    f"<span class=soft>{len(issues):,}</span></h3>"
                )
                lines = "".join(f"<li>{escape(str(issue))}</li>" for issue in issues[:MAX_ISSUES])
                yield f"<ul>{lines}</ul>"
        if wording is not None:
            yield f"<h2>Wording <span class=soft>{len(wording.findings):,} findings</span></h2>"
            yield _table(
                ("finding", "where", "what to do"),
                [(item.message, item.place, item.suggestion) for item in wording.findings],
                n_texts=3,
            )

    return _page(f"Check of {report.file}", parts())
