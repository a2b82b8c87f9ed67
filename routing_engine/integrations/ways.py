"""The table of ways to transfer: what each sends and what can be promised."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WAYS", "Way", "markdown"]


@dataclass(frozen=True, slots=True)
class Way:
    """One way of transferring a call.

    Attributes:
        name: what it is.
        builder: function of ``routing_engine.integrations`` that makes it.
        sends: every header, element, attribute or field that is sent, in order; one in
            parentheses only where there is something to say in it.
        number: whose number the person who picks up sees, and on what condition.
        reason: how they get to know why the caller calls.
        anonymous: what is different for a caller who withholds the number.
        rings: what sets how long it rings: a field in backticks is ``ring_timeout_s`` of the
            builder.
    """

    name: str
    builder: str
    sends: tuple[str, ...]
    number: str
    reason: str
    anonymous: str
    rings: str


_COPIED = "on their screen, if the caller's side copies it and their phone system shows it"
_SHOWN = "on their screen, if their phone system shows it"

WAYS = (
    Way(
        "SIP INVITE, trusted peer",
        "sip.invite",
        (
            *("To", "From", "(P-Asserted-Identity)", "(Privacy)", "(Diversion)", "(History-Info)"),
            *("(Replaces)", "(User-to-User)"),
        ),
        "the caller's, asserted; one that nobody vouches for stands in `From` alone",
        _SHOWN,
        "`Privacy: id` and an anonymous `From`; asserted only to a peer that honours it",
        "the user agent: it cancels",
    ),
    Way(
        "SIP INVITE, other peer",
        "sip.invite",
        (
            *("To", "From", "(Privacy)", "(Diversion)", "(History-Info)", "(Replaces)"),
            "(User-to-User)",
        ),
        "the caller's, if the peer accepts the `From` it is sent",
        _SHOWN,
        "`Privacy: id` and an anonymous `From`; the number is nowhere",
        "the user agent: it cancels",
    ),
    Way(
        "SIP REFER",
        "sip.refer",
        ("Refer-To", "(Referred-By)", "(?Privacy)", "(?Replaces)", "(?User-to-User)"),
        "as the caller's side decides: set it up to show the transferee",
        _COPIED,
        "asks for `Privacy: id`; the number is nowhere",
        "the caller's side",
    ),
    Way(
        "Asterisk `Dial`",
        "asterisk.dial",
        (
            *("endpoint", "(timeout)", "(digits)", "CALLERID num", "CALLERID name"),
            *("CALLERID pres", "(User-to-User)"),
        ),
        "the caller's, in `From`; asserted only by an endpoint with `send_pai`",
        _SHOWN,
        "`CALLERID(pres)` is `prohib`, and the number the business's line",
        "`timeout`",
    ),
    Way(
        "Kamailio `rtjson`",
        "kamailio.rtjson",
        ("uri", "(fr_inv_timer)", "(User-to-User)", "(extension)"),
        "the caller's own `From`, which is relayed as it is",
        _SHOWN,
        "as their own INVITE says; the number is nowhere in the document",
        "`fr_inv_timer`",
    ),
    Way(
        "Twilio `<Dial>`, phone",
        "twilio.dial",
        ("callerId", "(timeout)", "Number", "(sendDigits)", "(url)"),
        "the caller's: Twilio lets the calling number through",
        "said before they are connected, from `twilio.whisper` at `url`",
        "`callerId` is the business's line",
        "`timeout`, and up to 5 s",
    ),
    Way(
        "Twilio `<Dial>`, SIP",
        "twilio.dial",
        ("callerId", "(timeout)", "Sip", "(?User-to-User)", "(url)"),
        "the caller's",
        "said, and " + _SHOWN,
        "`callerId` is the business's line",
        "`timeout`, and up to 5 s",
    ),
    Way(
        "Twilio `<Refer>`",
        "twilio.refer",
        ("Sip", "(?User-to-User)"),
        "as the SIP side decides; calls from the PSTN cannot be referred",
        _COPIED,
        "the number is nowhere",
        "the caller's side",
    ),
    Way(
        "Twilio `POST /Calls`",
        "twilio.create_call",
        ("To", "From", "Url", "(CallToken)", "(Timeout)", "(SendDigits)"),
        "the caller's, with the `CallToken` of their call; else the business's line",
        "said before they are connected, from `twilio.whisper` at `Url`",
        "`From` is the business's line",
        "`Timeout`",
    ),
    Way(
        "LiveKit `TransferSIPParticipant`",
        "livekit.transfer_sip_participant",
        (
            *("room_name", "participant_identity", "transfer_to", "play_dialtone"),
            *("(ringing_timeout)", "(headers)"),
        ),
        "as the trunk is set up (`from-transferee`); not per transfer",
        _COPIED,
        "as the trunk does; the number is nowhere in the request",
        "`ringing_timeout`",
    ),
    Way(
        "LiveKit `WarmTransferTask`",
        "livekit.warm_transfer",
        (
            *("sip_call_to", "(sip_number)", "(dtmf)", "(ringing_timeout)", "(sip_headers)"),
            "(extra_instructions)",
        ),
        "the caller's, if the trunk allows it",
        "said by the agent before they are connected, and on their screen, if their phone system "
        "shows it",
        "no `sip_number`: the trunk's own; the number is nowhere in the arguments",
        "`ringing_timeout`",
    ),
    Way(
        "OpenAI Realtime `refer`",
        "openai_realtime.refer",
        ("target_uri",),
        "as the trunk is set up; not per transfer",
        "not at all: look the decision up",
        "as the trunk does; the number is nowhere in the request",
        "the caller's side",
    ),
    Way(
        "Vapi, phone",
        "vapi.transfer_destination",
        ("type", "number", "callerId", "(extension)", "transferPlan"),
        "the caller's, if the provider of the number allows it",
        "said before they are connected",
        "`callerId` is the assistant's number",
        "the provider of the number",
    ),
    Way(
        "Vapi, SIP",
        "vapi.transfer_destination",
        ("type", "sipUri", "callerId", "transferPlan", "(sipHeaders)"),
        "the caller's, if the provider of the number allows it",
        "said before they are connected",
        "`callerId` is the assistant's number",
        "`dialTimeout` of the plan",
    ),
    Way(
        "Retell",
        "retell.transfer_call",
        ("transfer_destination", "transfer_option", "(custom_sip_headers)"),
        "the caller's, if the telephony side allows it (Retell's Twilio numbers do)",
        "said to them alone before they are connected",
        "`show_transferee_as_caller` is false: the agent's number",
        "`transfer_ring_duration_ms` of the option, at most 90 s",
    ),
)


def markdown() -> str:
    """Return the table as Markdown, for ``docs/how-to/transfer.md``."""
    columns = (
        *("way", "sent", "they see the number", "they know why", "anonymous caller"),
        "how long it rings",
    )
    rows = [
        (
            f"{way.name}<br>`{way.builder}`",
            ", ".join(f"`{item}`" for item in way.sends),
            way.number,
            way.reason,
            way.anonymous,
            way.rings,
        )
        for way in WAYS
    ]
    lines = [columns, ("---",) * len(columns), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
