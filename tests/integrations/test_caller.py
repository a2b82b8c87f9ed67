from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from routing_engine import InvalidValueError
from routing_engine.integrations import Caller, Context
from routing_engine.text.lines import ascii_line, one_line

NUMBER = "+12025550188"
HIDDEN = Caller(NUMBER, anonymous=True)
anything = st.text(st.characters())


class TestReported:
    @pytest.mark.parametrize(
        "text",
        [
            *(NUMBER, f"  {NUMBER} ", f"tel:{NUMBER}", f"tel:{NUMBER};ext=1"),
            *(f"sip:{NUMBER}@gw.example", f"<sips:{NUMBER}@gw.example;user=phone>"),
        ],
    )
    def test_a_number(self, text):
        caller = Caller.reported(text, name="Jane", verified=True)
        assert caller == Caller(NUMBER, "Jane", verified=True)
        assert caller.shown == NUMBER

    @pytest.mark.parametrize(
        "text",
        [
            *("anonymous", "Anonymous", "RESTRICTED", "private", "blocked", "withheld"),
            *("sip:anonymous@anonymous.invalid", "+266696687", "266696687", "+7378742833"),
        ],
    )
    def test_a_withheld_number(self, text):
        assert Caller.reported(text, name="Jane") == Caller(anonymous=True)

    @pytest.mark.parametrize(
        "text", ["", "unavailable", "+86282452253", "1001", "sip:alice@pbx.example", "+", "é"]
    )
    def test_an_unknown_number(self, text):
        caller = Caller.reported(text, name="Jane")
        assert caller == Caller(name="Jane")
        assert caller.shown is None

    @pytest.mark.parametrize(
        ("privacy", "anonymous"),
        [("id", True), ("User ; ID", True), ("header", True), ("none", False), ("critical", False)],
    )
    def test_privacy_that_was_asked_for_is_honoured(self, privacy, anonymous):
        caller = Caller.reported(NUMBER, privacy=privacy, verified=True)
        assert caller == Caller(NUMBER, anonymous=anonymous, verified=True)
        assert caller.shown == (None if anonymous else NUMBER)
        assert Caller.reported("1001", privacy=privacy).anonymous is anonymous

    @given(anything)
    @example("sip:" * 5000)
    def test_it_never_fails(self, text):
        assert isinstance(Caller.reported(text), Caller)


class TestCaller:
    @pytest.mark.parametrize(
        "number", ["", "12025550188", "+0123", "+1 202", "+1202555\r\n", "+" + "1" * 16, "+１２", 1]
    )
    def test_what_is_not_e164_is_refused(self, number):
        with pytest.raises(InvalidValueError, match=r"is not E\.164"):
            Caller(number)

    def test_the_number_is_masked_in_the_error(self):
        with pytest.raises(InvalidValueError) as error:
            Caller("3035550142")
        assert "caller number '********42' is not" in str(error.value)

    def test_a_name_is_text(self):
        with pytest.raises(InvalidValueError, match="a caller's name is a str, not int"):
            Caller(name=5)

    @pytest.mark.parametrize(
        ("text", "left"),
        [
            ("it is +1 (202) 555-0188, thanks", "it is +***, thanks"),
            ("2025550188", "***"),
            ("202.555.0188 or 415 555 0100", "*** or 415 555 0100"),
            ("call 5550188", "call ***"),
            ("２０２５５５０１８８", "***"),
            ("twelve, 0188", "twelve, 0188"),
            ("order 4711 of 2026-11-22", "order 4711 of 2026-11-22"),
            ("", ""),
        ],
    )
    def test_a_withheld_number_is_taken_out_of_text(self, text, left):
        assert HIDDEN.redacted(text) == left

    @pytest.mark.parametrize("caller", [Caller(NUMBER), Caller(anonymous=True)])
    def test_text_stays_as_it_is_where_there_is_nothing_to_hide(self, caller):
        assert caller.redacted("202 555 0188") == "202 555 0188"

    @given(st.text("0123456789-. ()٣é", max_size=40), st.text(max_size=10))
    def test_its_digits_are_never_left_in_a_row(self, before, after):
        text = HIDDEN.redacted(f"{before} 12025550188{after}")
        digits = "".join(str(unicodedata.digit(c)) for c in text if c.isdecimal())
        assert "12025550188" not in digits


class TestContext:
    def test_texts_are_one_line_each(self):
        made = Context("a\r\nb\0\u202e", " loc\t1 ", "d\n", {" k\n": "v\r"})
        assert (made.reason, made.location_id, made.decision_id) == ("a b", "loc 1", "d")
        assert made.details == {"k": "v"}

    def test_details_are_a_copy(self):
        details = {"order": "1"}
        made = Context(details=details)
        details["order"] = "2"
        assert made.details == {"order": "1"}
        assert hash(made) == hash(Context())

    @pytest.mark.parametrize("name", ["why", "id", "loc", "", "\n"])
    def test_a_detail_has_a_name_of_its_own(self, name):
        with pytest.raises(InvalidValueError, match="a detail cannot be named"):
            Context(details={name: "x"})

    @pytest.mark.parametrize("fields", [{"reason": None}, {"details": {"a": 1}}])
    def test_texts_are_text(self, fields):
        with pytest.raises(InvalidValueError, match="every text of a context is a str"):
            Context(**fields)

    def test_others_do_not_read_a_withheld_number_in_it(self):
        made = Context("call 2025550188", NUMBER, "202-555-0188", {"phone": NUMBER, NUMBER: "x"})
        assert made.for_others(HIDDEN) == Context(
            "call ***",
            "+***",
            "***",
            {
                "phone": "+***",
                "+***": "x",
            },
        )
        assert made.for_others(Caller(NUMBER)) is made

    def test_what_is_said_has_no_templates(self):
        assert Context("hi {{customer.number}} {% x %}").spoken == "hi customer.number % x %"


class TestText:
    @given(anything, st.integers(1, 50))
    @example("ﷺ" * 3000, 50)
    @example("\ud800\udfff", 5)
    def test_one_line(self, text, limit):
        line = one_line(text, limit)
        assert len(line) <= limit
        assert line == " ".join(line.split())
        assert all(unicodedata.category(c)[0] != "C" for c in line)
        assert one_line(line, limit) == line
        line.encode()

    @given(anything, st.integers(1, 50))
    def test_ascii_line(self, text, limit):
        line = ascii_line(text, limit)
        assert len(line) <= limit
        assert line == " ".join(line.split())
        assert all(" " <= c <= "~" for c in line)
        assert ascii_line(line, limit) == line

    def test_letters_without_a_decomposition_are_spelt(self):
        assert ascii_line("Łódź, Ærø, Straße – “Þór”", 99) == 'Lodz, AEro, Strasse - "Thor"'
