"""Translate how platforms report the end of a transfer: one table.

Case, hyphens, underscores, dots and spaces do not matter: ``no-answer``, ``NOANSWER`` and "No
Answer" are one word. A code of SIP or of Q.850 stands alone (``486``, ``17``), with its words
(``486 Busy Here``), or in a ``Reason`` header (``Q.850;cause=17``). Numbers below 128 are causes of
Q.850: a final response of SIP has 200 or more.

Two words mean less than they seem to. ``canceled`` of Twilio and 487 of SIP are said of a phone that
stopped ringing, also because its time was up; whether the caller is still there is for the caller's
own leg to say. Asterisk's ``CANCEL`` is said only where the caller hung up.

Sources: Twilio's pages on ``<Dial>`` and answering machine detection, Asterisk's on ``Dial``,
ITU-T Q.850 and RFC 3398, RFC 3261 and RFC 8197, LiveKit's protocol, Vapi's page on ended reasons,
Retell's on disconnection reasons; and those of the other platforms on call statuses.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple

from routing_engine.calls.policy import TransferOutcome
from routing_engine.errors import InvalidValueError
from routing_engine.text.lines import one_line, same_name

__all__ = ["ENDINGS", "Ending", "Report", "Row", "markdown", "read_report"]

_OWN_WORDS = frozenset(item.value for item in TransferOutcome)

MAX_REPORTED = 100
"""Most characters of a platform's words that are kept."""

Ending = TransferOutcome | Literal["answered", "not over"]
"""How a transfer failed, or that it was answered, or that it is not over yet."""

_ANSWERED: Ending = "answered"
_NOT_OVER: Ending = "not over"
_BUSY, _NO_ANSWER, _DECLINED, _UNREACHABLE, _VOICEMAIL, _LEFT = (
    TransferOutcome.BUSY, TransferOutcome.NO_ANSWER, TransferOutcome.DECLINED,
    TransferOutcome.UNREACHABLE, TransferOutcome.VOICEMAIL, TransferOutcome.CALLER_HUNG_UP,
)  # fmt: skip


class Row(NamedTuple):
    """Words of one platform with one meaning.

    Attributes:
        platform: whose words they are, and where it says them.
        words: as the platform writes them; one that ends in ``*`` begins so.
        ending: what they mean.
    """

    platform: str
    words: tuple[str, ...]
    ending: Ending


_HERE = "routing_engine"
_TWILIO = "Twilio `DialCallStatus`, `AnsweredBy`"
_ASTERISK = "Asterisk `DIALSTATUS`"
_CAUSE = "Q.850, by name (Asterisk, FreeSWITCH)"
_LIVEKIT = "LiveKit `DisconnectReason`, transfer status"
_VAPI = "Vapi `endedReason`"
_RETELL = "Retell `disconnection_reason`"
_OTHERS = "Bandwidth, Plivo, SignalWire, Telnyx, Vonage"

ENDINGS = (
    *(Row(_HERE, (outcome.value,), outcome) for outcome in TransferOutcome),
    Row(_TWILIO, ("completed", "answered"), _ANSWERED),
    Row(_TWILIO, ("busy",), _BUSY),
    Row(_TWILIO, ("no-answer", "canceled"), _NO_ANSWER),
    Row(_TWILIO, ("failed", "fax"), _UNREACHABLE),
    Row(
        _TWILIO,
        ("machine_start", "machine_end_beep", "machine_end_silence", "machine_end_other"),
        _VOICEMAIL,
    ),
    Row(_TWILIO, ("queued", "initiated", "ringing", "in-progress"), _NOT_OVER),
    Row(_ASTERISK, ("ANSWER",), _ANSWERED),
    Row(_ASTERISK, ("BUSY",), _BUSY),
    Row(_ASTERISK, ("NOANSWER",), _NO_ANSWER),
    Row(_ASTERISK, ("DONTCALL", "TORTURE"), _DECLINED),
    Row(_ASTERISK, ("CHANUNAVAIL", "CONGESTION", "INVALIDARGS"), _UNREACHABLE),
    Row(_ASTERISK, ("CANCEL",), _LEFT),
    Row(_CAUSE, ("USER_BUSY",), _BUSY),
    Row(
        _CAUSE,
        (
            "NORMAL_CLEARING", "NO_USER_RESPONSE", "NO_ANSWER", "SUBSCRIBER_ABSENT",
            "ANSWERED_ELSEWHERE", "NORMAL_UNSPECIFIED", "RECOVERY_ON_TIMER_EXPIRE",
            "ALLOTTED_TIMEOUT", "PROGRESS_TIMEOUT", "LOSE_RACE", "PICKED_OFF",
        ),
        _NO_ANSWER,
    ),
    Row(_CAUSE, ("CALL_REJECTED", "REJECTED", "OUTGOING_CALL_BARRED", "INCOMING_CALL_BARRED"),
        _DECLINED),
    Row(
        _CAUSE,
        (
            "UNALLOCATED", "UNALLOCATED_NUMBER", "NO_ROUTE_TRANSIT_NET", "NO_ROUTE_DESTINATION",
            "NUMBER_CHANGED", "DESTINATION_OUT_OF_ORDER", "INVALID_NUMBER_FORMAT",
            "FACILITY_REJECTED", "NORMAL_CIRCUIT_CONGESTION", "NETWORK_OUT_OF_ORDER",
            "NORMAL_TEMPORARY_FAILURE", "SWITCH_CONGESTION", "REQUESTED_CHAN_UNAVAIL",
            "USER_NOT_REGISTERED", "GATEWAY_DOWN", "INCOMPATIBLE_DESTINATION",
            "BEARERCAPABILITY_NOTAVAIL", "SERVICE_NOT_IMPLEMENTED", "PROTOCOL_ERROR",
            "INTERWORKING", "EXCHANGE_ROUTING_ERROR", "MEDIA_TIMEOUT", "CHAN_NOT_IMPLEMENTED",
        ),
        _UNREACHABLE,
    ),
    Row(_CAUSE, ("ORIGINATOR_CANCEL",), _LEFT),
    Row(_LIVEKIT, ("STS_TRANSFER_SUCCESSFUL", "TRANSFER_SUCCESSFUL"), _ANSWERED),
    Row(_LIVEKIT, ("USER_UNAVAILABLE", "CONNECTION_TIMEOUT"), _NO_ANSWER),
    Row(_LIVEKIT, ("USER_REJECTED",), _DECLINED),
    Row(
        _LIVEKIT,
        (
            "SIP_TRUNK_FAILURE", "JOIN_FAILURE", "MEDIA_FAILURE", "STS_TRANSFER_FAILED",
            "TRANSFER_FAILED",
        ),
        _UNREACHABLE,
    ),
    Row(_LIVEKIT, ("STS_TRANSFER_ONGOING", "dialing", "active"), _NOT_OVER),
    Row(
        _VAPI,
        (
            "assistant-forwarded-call", "call.ringing.hook-executed-transfer",
            "call.ending.hook-executed-transfer",
        ),
        _ANSWERED,
    ),
    Row(_VAPI, ("customer-busy", "call.forwarding.operator-busy"), _BUSY),
    Row(
        _VAPI,
        (
            "customer-did-not-answer", "manually-canceled",
            "call.in-progress.error-warm-transfer-max-duration",
            "call.in-progress.error-warm-transfer-silence-timeout",
            "call.in-progress.error-warm-transfer-microphone-timeout",
            "call.in-progress.error-providerfault-outbound-sip-408-request-timeout",
            "call.in-progress.error-providerfault-outbound-sip-480-temporarily-unavailable",
        ),
        _NO_ANSWER,
    ),
    Row(
        _VAPI,
        ("call.in-progress.error-warm-transfer-assistant-cancelled", "vonage-rejected"),
        _DECLINED,
    ),
    Row(
        _VAPI,
        (
            "twilio-failed-to-connect-call", "twilio-reported-customer-misdialed",
            "vonage-failed-to-connect-call", "vonage-disconnected",
            "phone-call-provider-closed-websocket", "call.in-progress.error-*",
            "call.ringing.error-*", "call.start.error-*", "pipeline-error-*",
        ),
        _UNREACHABLE,
    ),
    Row(_VAPI, ("voicemail",), _VOICEMAIL),
    Row(
        _VAPI,
        (
            "customer-ended-call", "customer-ended-call-before-warm-transfer",
            "customer-ended-call-after-warm-transfer-attempt",
            "customer-ended-call-during-transfer",
            "call.ringing.sip-inbound-caller-hungup-before-call-connect",
        ),
        _LEFT,
    ),
    Row(_RETELL, ("call_transfer", "transfer_bridged"), _ANSWERED),
    Row(_RETELL, ("dial_busy",), _BUSY),
    Row(_RETELL, ("dial_no_answer",), _NO_ANSWER),
    Row(_RETELL, ("user_declined", "transfer_cancelled", "marked_as_spam"), _DECLINED),
    Row(
        _RETELL,
        (
            "dial_failed", "invalid_destination", "telephony_provider_permission_denied",
            "telephony_provider_unavailable", "sip_routing_error", "concurrency_limit_reached",
        ),
        _UNREACHABLE,
    ),
    Row(_RETELL, ("voicemail_reached", "machine_detected", "ivr_reached"), _VOICEMAIL),
    Row(_RETELL, ("user_hangup",), _LEFT),
    Row(_OTHERS, ("user_busy",), _BUSY),
    Row(_OTHERS, ("unanswered", "not_answered", "timeout", "missed", "cancelled"), _NO_ANSWER),
    Row(_OTHERS, ("rejected", "decline"), _DECLINED),
    Row(_OTHERS, ("error", "not_found", "unavailable"), _UNREACHABLE),
    Row(_OTHERS, ("machine",), _VOICEMAIL),
    Row(_OTHERS, ("cancel", "abandoned", "originator_cancel"), _LEFT),
    Row(_OTHERS, ("started",), _NOT_OVER),
)  # fmt: skip
"""Word of a platform -> its meaning. A word of two platforms means the same for both."""

_SIP_NAMES = {
    400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
    407: "Proxy Authentication Required", 408: "Request Timeout", 410: "Gone",
    480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 482: "Loop Detected",
    483: "Too Many Hops", 484: "Address Incomplete", 485: "Ambiguous", 486: "Busy Here",
    487: "Request Terminated", 488: "Not Acceptable Here", 500: "Server Internal Error",
    501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Server Time-out", 600: "Busy Everywhere", 603: "Decline",
    604: "Does Not Exist Anywhere", 607: "Unwanted", 608: "Rejected",
}  # fmt: skip
_SIP: dict[int, Ending] = {
    408: _NO_ANSWER, 480: _NO_ANSWER, 487: _NO_ANSWER,
    486: _BUSY, 600: _BUSY,
    603: _DECLINED, 607: _DECLINED, 608: _DECLINED,
}  # fmt: skip
"""Final responses of SIP; every other from 300 on means unreachable, from 200 answered."""

_CAUSES: dict[int, Ending] = {
    16: _NO_ANSWER, 18: _NO_ANSWER, 19: _NO_ANSWER, 20: _NO_ANSWER, 26: _NO_ANSWER,
    31: _NO_ANSWER, 102: _NO_ANSWER,
    17: _BUSY,
    21: _DECLINED, 24: _DECLINED, 52: _DECLINED, 53: _DECLINED, 54: _DECLINED, 55: _DECLINED,
}  # fmt: skip
"""Causes of Q.850; every other means unreachable."""

_REASON_HEADER = re.compile(r"(?i)\b(q\.?850|sip)\s*;\s*cause\s*=\s*([0-9]{1,3})\b")
_CODE = re.compile(
    r"(?i)(?:(?P<cause>(?:isdn|hangup)?\W*cause|q\.?850)"
    r"|(?P<sip>sip(?:/2\.0)?(?:\W*status)?(?:\W*code)?))?"
    r"(?!-[0-9])[\W_]*(?P<code>[0-9]{1,3})(?:[\W_]+(?P<words>[A-Za-z].*)?)?",
    re.DOTALL,
)


class Report(NamedTuple):
    """How a transfer ended, as read from a platform's report.

    Attributes:
        ending: what it means.
        said: what the platform said, on one line of at most 100 characters; empty where it
            was told in this library's own words.
    """

    ending: Ending
    said: str


def read_report(said: object) -> Report:
    """Read how a transfer ended from the report of a platform or a person.

    Args:
        said: a ``TransferOutcome``, a word of :data:`ENDINGS`, or a code of SIP or Q.850.

    Raises:
        InvalidValueError: it is none of them.
    """
    if isinstance(said, TransferOutcome):
        return Report(said, "")
    ending = None
    if isinstance(said, str):
        ending = _of_text(said[:MAX_REPORTED])
    elif isinstance(said, int) and not isinstance(said, bool):
        ending = _of_code(int(said))
    if ending is None:
        shown = repr(said[:MAX_REPORTED]) if isinstance(said, str) else repr(said)
        raise InvalidValueError(
            f"{shown} is not how a transfer ends; one of "
            f"{', '.join(item.value for item in TransferOutcome)} is, or what a platform says: "
            "the table of docs/reference/transfer-endings.md"
        )
    word = one_line(str(said), MAX_REPORTED)
    return Report(ending, "" if word in _OWN_WORDS else word)


@lru_cache(maxsize=1024)
def _of_text(text: str) -> Ending | None:
    folded = same_name(text)
    for prefix in ("", "astcause", "sipstatus", "disconnectreason"):
        word = folded.removeprefix(prefix)
        if word in _BY_WORD:
            return _BY_WORD[word]
    for beginning, ending in _BY_BEGINNING.items():
        if folded.startswith(beginning):
            return ending
    if header := _REASON_HEADER.search(text):
        return _of_code(int(header[2]), "sip" if header[1].casefold() == "sip" else "cause")
    if (match := _CODE.fullmatch(text.strip())) is None:
        return None
    kind: Literal["cause", "sip"] | None = None
    if match["cause"] or match["sip"]:
        kind = "cause" if match["cause"] else "sip"
    elif match["code"] == "100" and (match["words"] or "").casefold().startswith("trying"):
        kind = "sip"  # the only code of both whose words are SIP's
    return _of_code(int(match["code"]), kind)


def _of_code(code: int, kind: Literal["cause", "sip"] | None = None) -> Ending | None:
    """Return the meaning of a code; one below 128 is a Q.850 cause unless ``kind`` says else."""
    if kind != "sip" and 0 <= code < 128:
        return _CAUSES.get(code, _UNREACHABLE)
    if kind == "cause" or not 100 <= code <= 699:
        return None
    if code < 300:
        return _NOT_OVER if code < 200 else _ANSWERED
    return _SIP.get(code, _UNREACHABLE)


def _by_word() -> tuple[dict[str, Ending], dict[str, Ending]]:
    words: dict[str, Ending] = {}
    beginnings: dict[str, Ending] = {}
    for row in ENDINGS:
        for word in row.words:
            found = beginnings if word.endswith("*") else words
            if found.setdefault(same_name(word), row.ending) != row.ending:
                raise AssertionError(f"{word!r} means two things")
    for code, name in _SIP_NAMES.items():
        words.setdefault(same_name(name), _SIP.get(code, _UNREACHABLE))
    words["requesttimedout"] = words["requesttimeout"]
    return words, beginnings


_BY_WORD, _BY_BEGINNING = _by_word()


def markdown() -> str:
    """Return the table as Markdown."""
    lines = ["| who says it | what | means |", "| --- | --- | --- |"]
    rows = [
        *ENDINGS,
        Row("SIP", ("200 to 299",), _ANSWERED),
        *(
            Row("SIP", tuple(f"{code} {_SIP_NAMES[code]}" for code in codes), ending)
            for ending, codes in _grouped(_SIP).items()
        ),
        Row("SIP", ("any other from 300 to 699",), _UNREACHABLE),
        Row("SIP", ("100 to 199",), _NOT_OVER),
        *(
            Row("Q.850", tuple(map(str, codes)), ending)
            for ending, codes in _grouped(_CAUSES).items()
        ),
        Row("Q.850", ("any other from 0 to 127",), _UNREACHABLE),
    ]
    for platform, words, ending in rows:
        meaning = f"`{ending}`" if isinstance(ending, TransferOutcome) else ending
        lines.append(f"| {platform} | {', '.join(f'`{word}`' for word in words)} | {meaning} |")
    return "\n".join(lines)


def _grouped(codes: dict[int, Ending]) -> dict[Ending, list[int]]:
    grouped: dict[Ending, list[int]] = {}
    for code, ending in codes.items():
        grouped.setdefault(ending, []).append(code)
    return grouped
