"""Every block of the documentation runs, and what a page names exists."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import PAGES, ROOT, agrees, merged, name_of, needs_model, run

LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?!https?:|mailto:|#)([^)\s#]+)(?:#([\w-]+))?\)")
PATH = re.compile(r"`((?:routing_engine|tests|benchmarks|data|docs)/[\w./-]*)`")
MODULE = re.compile(r"`(routing_engine(?:\.[a-z_]+)+)(?:\.[A-Z]\w*)?`")


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[pytest.mark.model] if needs_model(page) else []) for page in PAGES],
    ids=name_of,
)
def test_every_block_runs_and_prints_what_the_page_shows(page, tmp_path):
    run(page, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_that_a_page_names_exists(page):
    named = PATH.findall(page.read_text(encoding="utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_module_that_a_page_names_exists(page):
    named = MODULE.findall(page.read_text(encoding="utf-8"))
    missing = []
    for module in named:
        path = ROOT.joinpath(*module.split("."))
        # The last part may be a function or a constant of the module.
        if not any(at.is_dir() or at.with_suffix(".py").exists() for at in (path, path.parent)):
            missing.append(module)
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_within_the_repository_leads_somewhere(page):
    text = page.read_text(encoding="utf-8")
    assert [target for target, _ in LINK.findall(text) if not (page.parent / target).exists()] == []


def test_the_landing_page_is_short():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 200


@pytest.mark.parametrize(
    ("shown", "printed", "is_right"),
    [
        ("Billing 0.93\n", "Billing 0.95\n", True),
        ("Billing 0.93\n", "Billing 0.43\n", False),
        ("Billing 0.93\n", "Careers 0.93\n", False),
        ("a\n...\nc\n", "a\nb\nb\nc\n", True),
        ("a\n...\nc\n", "a\nb\nd\n", False),
        ("a\n...\n", "a\nb 0.1\n", True),
        ("a\n", "a\nb\n", False),
        ("took ... s: 0.93\n", "took 1.25 s: 0.94\n", True),
        ("took ... s: 0.93\n", "took 1.25 s: 0.33\n", False),
        ("12 rules\n", "13 rules\n", False),
        ("", "", True),
    ],
)
def test_an_output_agrees_but_for_last_digits_and_elided_lines(shown, printed, is_right):
    assert agrees(shown, printed) is is_right


def test_outputs_that_are_written_anew_keep_the_lines_that_still_agree():
    shown = "took ... s\nBilling 0.93\nCareers 0.10\n"
    assert merged(shown, "took 1.2 s\nBilling 0.94\nCareers 0.50\nnew\n") == (
        "took ... s\nBilling 0.93\nCareers 0.50\nnew\n"
    )
