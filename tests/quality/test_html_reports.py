"""Reports as pages: self-contained, and everything that is not ours escaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from routing_engine import Case
from routing_engine.quality import charts
from routing_engine.quality.html_reports import (
    check_page,
    comparison_page,
    evaluation_page,
    fitting_page,
)
from routing_engine.reports import ImportReport, SheetIssue
from tests.quality.test_comparing import an_engine, billing, emergency
from tests.support.labelled import labelled_cases, live_engine
from tests.support.strategies import a_rule, number

HOSTILE = "<script>alert(1)</script>\"'&"


class Tags(HTMLParser):
    """The tags and texts of a page; fails where one is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(page: str) -> Tags:
    """A page that loads nothing and runs nothing."""
    found = Tags(page)
    assert "script" not in found.tags
    assert "link" not in found.tags
    assert re.findall(r"https?://|@import|url\(", page) == []
    return found


def test_an_evaluation_shows_its_figures_charts_and_sentences():
    engine = live_engine()
    cases = [*labelled_cases(60), Case("store-1", f"invoice {HOSTILE}", "Careers")]
    found = engine.evaluate(cases)
    page = read(evaluation_page(found))
    assert page.tags.count("polyline") == 5
    assert f"“invoice {HOSTILE}”" in page.text
    for rule in found.rules:
        assert rule.label in page.text


def test_a_fitting_shows_what_it_gained_or_why_it_did_not():
    fitting = live_engine().fit(labelled_cases(250))
    assert fitting.accepted
    page = read(fitting_page(fitting))
    assert f"Accepted: {fitting.setting}" in page.text
    refused = live_engine().fit(labelled_cases(20))
    assert "Refused" in read(fitting_page(refused)).text


def test_a_backtest_shows_every_move_with_its_sentences():
    hostile = a_rule(HOSTILE, number(5), when="flood leak burst smoke")
    found = an_engine(billing()).compare(
        an_engine(billing(), hostile),
        [("store-1", f"a flood and a leak {HOSTILE}")] * 2 + [("gone", "x")],
    )
    page = read(comparison_page(found))
    assert f"default → {HOSTILE}" in page.text
    assert f"a flood and a leak {HOSTILE}" in page.text
    assert number(5) in page.text
    assert "gone" in page.text
    same = an_engine(emergency()).compare(an_engine(emergency()), [("store-1", "x")])
    assert "would go elsewhere0" in read(comparison_page(same)).text


def test_a_check_shows_issues_by_cause_and_the_wording():
    issue = SheetIssue(
        "a.csv", 3, "destination", None, f"{HOSTILE} is no number", "error", "bad_number"
    )
    report = ImportReport("a.csv", n_rows=2, errors=(issue,), totals={"error:bad_number": 1})
    page = read(check_page(report, live_engine().lint()))
    assert f"{HOSTILE} is no number" in page.text
    assert "errors: bad number" in page.text
    assert "Wording" in page.text
    assert "Wording" not in read(check_page(report, None)).text


@pytest.mark.parametrize("most", [0, 1, 3, 7, 12, 99, 1000, 123_456])
def test_ticks_are_few_round_and_reach_the_most(most):
    ticks = charts._ticks(most)
    assert ticks[0] == 0
    assert ticks[-1] >= most
    assert 2 <= len(ticks) <= 6
    assert all(float(tick).is_integer() for tick in ticks)


def test_a_chart_has_a_mark_for_every_value_and_says_what_it_shows():
    drawn = charts.columns(["mon", "tue"], {"a": [1, 0], HOSTILE: [2, 3]}, title=HOSTILE)
    page = read(f"<main>{drawn}</main>")
    assert page.tags.count("rect") == 3 + 2  # and two of the legend
    assert drawn.count(HOSTILE) == 0
    assert read(f"<main>{charts.rows({}, title='none')}</main>").tags.count("rect") == 0
