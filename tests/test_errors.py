"""The error tree, and what its messages say."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_engine import errors
from routing_engine.errors import (
    EncoderError,
    InvalidValueError,
    MissingExtraError,
    ModelIntegrityError,
    Problem,
    RoutingError,
    SheetError,
    SnapshotError,
    UnknownLocationError,
    mask,
)


class FakeReport:
    def summary(self):
        return "franchise.csv: 2 errors"


ONE_OF_EACH = [
    InvalidValueError("wrong"),
    InvalidValueError(what="Location", problems=[Problem("name", "too long")]),
    UnknownLocationError("store-9", 3),
    EncoderError("no such model"),
    ModelIntegrityError("another hash"),
    SnapshotError("truncated"),
    MissingExtraError("plots", "plots"),
]


@pytest.mark.parametrize(
    ("error", "also"),
    [
        (InvalidValueError, ValueError),
        (UnknownLocationError, KeyError),
        (ModelIntegrityError, EncoderError),
        (MissingExtraError, ImportError),
        (SheetError, RoutingError),
        (SnapshotError, RoutingError),
        (EncoderError, RoutingError),
    ],
)
def test_errors_are_also_the_builtin_ones_that_a_user_would_catch(error, also):
    assert issubclass(error, also)
    assert issubclass(error, RoutingError)


def test_every_error_of_the_module_derives_from_routing_error_and_is_exported():
    found = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert found == set(errors.__all__) - {"Problem", "mask"}
    assert all(issubclass(getattr(errors, name), RoutingError) for name in found)


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("+14155550123", "+*********23"),
        ("(415) 555-0123", "(***) ***-**23"),
        ("12345", "***45"),
        ("1234", "1234"),
        ("store 12", "store 12"),
        ("", ""),
        ("\uff11\uff12\uff13\uff14\uff15", "***\uff14\uff15"),
    ],
)
def test_mask_hides_all_but_the_last_two_digits_of_what_may_be_a_number(value, masked):
    assert mask(value) == masked


@given(st.text())
def test_mask_keeps_the_length_and_at_most_four_digits(value):
    masked = mask(value)
    assert len(masked) == len(value)
    assert sum(map(str.isdigit, masked)) <= 4
    assert [c for c in masked if not c.isdigit() and c != "*"] == [
        c for c in value if not c.isdigit() and c != "*"
    ]


def test_a_problem_reads_as_path_and_message():
    assert str(Problem("rules.3.destination", "is empty")) == "rules.3.destination: is empty"
    assert str(Problem("", "is empty")) == "is empty"


def test_invalid_value_error_of_a_plain_message():
    error = InvalidValueError("dimension must be positive")
    assert str(error) == "dimension must be positive"
    assert error.problems == (Problem("", "dimension must be positive"),)
    assert not error.what


def test_invalid_value_error_lists_every_problem():
    error = InvalidValueError(
        what="Location", problems=[Problem("name", "too long"), Problem("rules.1.when", "empty")]
    )
    assert str(error) == ("invalid Location, 2 problems:\n  name: too long\n  rules.1.when: empty")
    assert [problem.path for problem in error.problems] == ["name", "rules.1.when"]


def test_invalid_value_error_of_one_problem_is_one_line():
    error = InvalidValueError(what="Location", problems=iter([Problem("name", "too long")]))
    assert str(error) == "invalid Location: name: too long"


def test_invalid_value_error_without_a_subject_joins_its_problems():
    error = InvalidValueError(problems=[Problem("a", "wrong"), Problem("b", "wrong too")])
    assert str(error) == "a: wrong; b: wrong too"


def test_unknown_location_error_says_which_version_was_searched():
    error = UnknownLocationError("store-9", 3)
    assert str(error) == (
        "no location 'store-9' in catalog version 3; "
        "load it, or give the engine a default_destination for unknown locations"
    )
    assert (error.location_id, error.catalog_version) == ("store-9", 3)


def test_sheet_error_carries_its_report():
    report = FakeReport()
    error = SheetError(report)
    assert str(error) == "franchise.csv: 2 errors"
    assert error.report is report


def test_missing_extra_error_names_the_pip_command():
    error = MissingExtraError("plotting", "plots")
    assert str(error) == 'plotting needs an extra: pip install "routing-engine[plots]"'
    assert error.extra == "plots"


@pytest.mark.parametrize("error", ONE_OF_EACH, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("clone", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_errors_survive_copying_and_crossing_a_process_border(error, clone):
    twin = clone(error)
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert vars(twin) == vars(error)
