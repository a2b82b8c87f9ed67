"""Whether a caller's words or name can break the SIP requests of a transfer.

Hostile texts go into every part of a REFER or INVITE that is text; two readers that share no code
with the encoders judge what comes out: the grammar of ``sip_grammar``, and the package
``sipmessage``. The same texts in plain f-strings show that both would notice.
"""

from __future__ import annotations

import importlib.util
import random
import re
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.benchmark import Benchmark, new_plot, save_plot
from benchmarks.report import Document, Table, machine, setting
from benchmarks.stress.sip_grammar import (
    SUBSCRIBER,
    Address,
    GrammarError,
    read_request,
    read_value,
)
from routing_engine import Destination, InvalidValueError
from routing_engine.integrations import Caller, Context, sip
from routing_engine.integrations.headers import Dialog, Header, read_user_to_user

if TYPE_CHECKING:
    from sipmessage import Address as SipmessageAddress

__all__ = ["BENCHMARK", "Transfer", "draw", "faults", "hostile", "measure", "request"]

N_MESSAGES = 1_000_000
CONTROL_EVERY = 10

PIECES = (
    *("\r\nVia: SIP/2.0/UDP evil.example", "\r\n\r\nINVITE sip:x SIP/2.0", "\r\n ", "\n", "\r"),
    *("\x00", "\x0b", "\x7f", "\x85", "\u2028", "\u200b", "\u202e", "\u200f", "\ufeff", "\ud800"),
    *('"', "\\", '\\"', "'", "<", ">", ";", ",", "=", "@", "%", "?", "&", ":", "[", "`", "{{x}}"),
    *("＂", "＜sip:evil＞", "；", "\uff0f", "％0d", "%0d%0aFrom: <sip:evil>", "%22", "%00", "%zz"),
    *(";tag=1", ";user=phone", '" <sip:evil@evil.example>', ">;x=", "?Replaces=a%3Bto-tag%3Db"),
    *(
        "Jane Doe",
        "O'Neill",
        "José Núñez",
        "山田 太郎",
        "Иван",
        "😀👩‍👩‍👧",
        "é́́",
        " ",
        "\t",
        "0",
        "é",
    ),
    *("+12025550188", "sip:a@b.example", "store-0042", "anonymous", "a" * 70, "b" * 130, "ﬃ" * 40),
)
LONG = 20_000
_ADDRESSES = ("To", "From", "Referred-By", "P-Asserted-Identity", "Diversion")
"""Headers that the package parses; of the others it reads the text."""
_BEYOND_SIPMESSAGE = re.compile(r"[@.:][a-z][a-z\-]*[0-9][a-z0-9\-]*\.?(?:[:;][^@<>]*)?>")
"""Hosts such as ``pbx1``: RFC 3261 allows them, version 0.7 of the package does not."""

DESTINATIONS = tuple(
    Destination.parse(text)
    for text in (
        *(f"+1415555{n:04d}" for n in range(100, 200)),
        *("+442079460958;ext=12", "+14155550111;ext=12345678901", "+18005550199"),
        *("sip:desk@pbx.example", "sips:desk@pbx.example:5061;transport=tls", "sip:192.0.2.7"),
        *("sip:a.b-c_d!e~f*g'(h)&i=j+k$l,m/n@[2001:db8::7]:5060;lr", "sip:x@[::1];maddr=[::2]"),
    )
)
DOMAINS = ("gw.example.com", "sbc.example:5070", "192.0.2.1", "[2001:db8::1]:5060")
PEERS = tuple(
    sip.Peer(domain, trusted=trusted, honours_privacy=honours)
    for domain in DOMAINS
    for trusted, honours in ((False, False), (True, False), (True, True))
)


@dataclass(frozen=True, slots=True)
class Transfer:
    """The inputs of a transfer.

    Attributes:
        method: ``INVITE`` or ``REFER``.
        caller: on the line.
        destination: where to.
        peer: who gets the request.
        line: of the business, or None.
        context: for the person who picks up, or None.
        replaces: a dialog, or None.
    """

    method: str
    caller: Caller
    destination: Destination
    peer: sip.Peer
    line: Destination | None
    context: Context | None
    replaces: Dialog | None


def hostile(chance: random.Random) -> str:
    """Generate a text meant to break a request."""
    dice = chance.random()
    if dice < 0.05:
        return ""
    if dice < 0.15:
        return "".join(chr(chance.randrange(32, 127)) for _ in range(chance.randrange(1, 40)))
    if dice < 0.25:
        # Any code point at all, surrogates and unassigned ones too.
        return "".join(chr(chance.randrange(0x110000)) for _ in range(chance.randrange(1, 20)))
    text = "".join(chance.choices(PIECES, k=chance.randrange(1, 7)))
    return text * (LONG // len(text)) if dice > 0.9995 else text


def draw(chance: random.Random) -> Transfer:
    """Draw a transfer with hostile texts, and sometimes a hostile address or tag.

    Raises:
        InvalidValueError: it has an address, number or tag that is refused, as it should be.
    """
    digits = "".join(chance.choices("0123456789", k=chance.randrange(9, 14)))
    caller_number: str | None = f"+{chance.randrange(1, 10)}{digits}"
    destination, peer = chance.choice(DESTINATIONS), chance.choice(PEERS)
    replaces = None
    dice = chance.random()
    if dice < 0.01:
        caller_number = hostile(chance)
    elif dice < 0.02:
        destination = Destination.parse(f"sip:{hostile(chance)}.example")
    elif dice < 0.03:
        peer = sip.Peer(f"{hostile(chance)}.example")
    elif dice < 0.04:
        replaces = Dialog(hostile(chance), "a", "b")
    elif dice < 0.05:
        replaces = Dialog("a@b.example", hostile(chance), "b")
    elif dice < 0.2:
        replaces = Dialog(f"{digits}@192.0.2.9", digits[:4], f"{digits[-4:]}.b-1")
    elif dice < 0.3:
        caller_number = None
    name = hostile(chance)
    caller = Caller(caller_number, name, chance.random() < 0.4, chance.random() < 0.7)
    if dice > 0.95:
        caller = Caller.reported(hostile(chance), name=name, verified=True)
    # A caller who withholds the number says it all the same.
    said = hostile(chance) + (f" {caller.number} " if chance.random() < 0.3 else "")
    context = None
    if chance.random() < 0.9:
        details = {"d" + hostile(chance): hostile(chance) for _ in range(chance.randrange(3))}
        context = Context(said, hostile(chance), hostile(chance), details)
    line = chance.choice(DESTINATIONS) if chance.random() < 0.7 else None
    method = chance.choice(("INVITE", "REFER"))
    return Transfer(method, caller, destination, peer, line, context, replaces)


def request(method: str, headers: Sequence[Header]) -> bytes:
    """Build a request with these headers and no body."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    text = f"{method} sip:gw.example.com SIP/2.0\r\n{lines}\r\n"
    return text.encode("utf-8", "surrogatepass")


def built(transfer: Transfer) -> list[Header]:
    """Build the headers under test."""
    make = sip.invite if transfer.method == "INVITE" else sip.refer
    return make(
        transfer.caller,
        transfer.destination,
        peer=transfer.peer,
        line=transfer.line,
        context=transfer.context,
        replaces=transfer.replaces,
    )


def faults(transfer: Transfer, headers: Sequence[Header]) -> list[str]:
    """Yield what is wrong with the headers of a transfer.

    ``grammar``: the strict grammar does not read them. ``meaning``: it reads other headers,
    addresses or names than were meant. ``sipmessage``: that package does not, or reads others.
    ``number``: a withheld number is in them.
    """
    data = request(transfer.method, headers)
    found = []
    try:
        read = read_request(data)[1]
        values = {name: read_value(name, value) for name, value in read}
    except GrammarError:
        found.append("grammar")
    else:
        if read != list(headers) or not data.isascii() or not _means(transfer, values):
            found.append("meaning")
        if _shows_number(transfer, data, values):
            found.append("number")
    if not _sipmessage_agrees(data, headers):
        found.append("sipmessage")
    return found


def _means(transfer: Transfer, values: dict[str, Any]) -> bool:
    """Check that the headers are those expected, with their values."""
    caller, peer = transfer.caller, transfer.peer
    invites = transfer.method == "INVITE"
    vouched = peer.trusted and caller.verified and caller.number is not None
    line = transfer.line is not None
    carried = values if invites else values["Refer-To"].uri.headers
    wanted = {
        "To": invites,
        "From": invites,
        "P-Asserted-Identity": invites
        and vouched
        and (peer.honours_privacy or not caller.anonymous),
        "Privacy": caller.anonymous and invites,
        "Diversion": invites and line,
        "History-Info": invites and line,
        "Replaces": invites and transfer.replaces is not None,
        "User-to-User": invites and "User-to-User" in carried,
        "Refer-To": not invites,
        "Referred-By": not invites and line,
    }
    if values.keys() != {name for name, is_wanted in wanted.items() if is_wanted}:
        return False
    to: Address = values["To" if invites else "Refer-To"]
    where = transfer.destination
    if where.sip_uri is None:
        host = peer.domain.removesuffix(_port(to))
        reached = (to.uri.user, to.uri.host) == (str(where), host)
        reached = reached and SUBSCRIBER.fullmatch(to.uri.user) is not None
    else:
        scheme, _, rest = where.sip_uri.partition(":")
        reached = to.uri.scheme == scheme and rest.startswith(
            (f"{to.uri.user}@" if to.uri.user else "") + to.uri.host
        )
    if not reached or to.name or to.parameters:
        return False
    dialog = transfer.replaces
    if dialog is not None:
        taken = carried["Replaces"] if invites else read_value("Replaces", carried["Replaces"])
        if taken != (dialog.call_id, {"to-tag": dialog.to_tag, "from-tag": dialog.from_tag}):
            return False
    if not invites:
        asked = {"Privacy"} if caller.anonymous else set()
        asked |= {"Replaces"} if dialog is not None else set()
        return carried.keys() - {"User-to-User"} == asked
    own: Address = values["From"]
    if own.parameters:
        return False
    if caller.anonymous:
        return (own.name, own.uri.user, own.uri.host) == (
            *("Anonymous", "anonymous", "anonymous.invalid"),
        )
    if own.uri.user != (caller.number or "unavailable") or len(own.name) > 64:
        return False
    plain = caller.name
    if plain.isascii() and plain.isprintable() and len(plain) <= 64:
        return own.name == " ".join(plain.split())
    return own.name.isascii() and own.name.isprintable()


def _port(address: Address) -> str:
    return "" if address.uri.port is None else f":{address.uri.port}"


def _shows_number(transfer: Transfer, data: bytes, values: dict[str, Any]) -> bool:
    caller = transfer.caller
    if not caller.anonymous or caller.number is None:
        return False
    digits = caller.number[1:]
    carried = values if transfer.method == "INVITE" else values["Refer-To"].uri.headers
    told = carried.get("User-to-User", b"")
    if isinstance(told, str):
        told = bytes.fromhex(told.partition(";")[0])
    text = data.decode()
    if "P-Asserted-Identity" in values and transfer.peer.honours_privacy:
        (own,) = values["P-Asserted-Identity"]
        if own.name or own.uri.user != caller.number:
            return True
        text = text.replace(f"sip:{caller.number}@", "", 1)
    if transfer.replaces is not None:
        text = text.replace(transfer.replaces.call_id.partition("@")[0], "")
    return digits in text or digits in "".join(filter(str.isdecimal, told.decode()))


def _sipmessage_agrees(data: bytes, headers: Sequence[Header]) -> bool:
    """Whether the package reads the same headers and addresses as the grammar."""
    import sipmessage

    try:
        read = sipmessage.Message.parse(data).headers
        names = list(dict.fromkeys(name for name, _ in headers))
        if read.keys() != names:
            return False
        if any([v for n, v in headers if n == name] != read.getlist(name) for name in names):
            return False
        return all(
            _same_address(sipmessage.Address.parse(value), name, value)
            for name, value in headers
            if name in _ADDRESSES and not _BEYOND_SIPMESSAGE.search(value)
        )
    except ValueError:
        return False


def _same_address(theirs: SipmessageAddress, name: str, value: str) -> bool:
    try:
        mine: Any = read_value(name, value)
    except GrammarError:
        return True  # counted already
    own: Address = mine[0] if isinstance(mine, list) else mine
    seen = (theirs.name, theirs.uri.scheme, theirs.uri.host, theirs.uri.port)
    return seen == (own.name, own.uri.scheme, own.uri.host, own.uri.port)


def control(transfer: Transfer) -> list[Header]:
    """Build headers naively, as a control; only the caller's name is hostile."""
    caller = transfer.caller
    number = caller.number or "anonymous"
    return [("From", f'"{caller.name}" <sip:{number}@{transfer.peer.domain}>')]


def measure(n: int, *, seed: int) -> dict[str, Any]:
    """Build and check n requests; count refused inputs.

    Returns:
        Counts: of requests, headers, what was refused and what was found wrong.
    """
    chance = random.Random(f"fuzz headers {seed}")
    counts: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    by_header: Counter[str] = Counter()
    control_broken: Counter[str] = Counter()
    while counts["messages"] < n:
        try:
            transfer = draw(chance)
        except InvalidValueError:
            counts["refused"] += 1
            continue
        headers = built(transfer)
        counts["messages"] += 1
        counts["anonymous"] += transfer.caller.anonymous and transfer.caller.number is not None
        by_header.update(name for name, _ in headers)
        broken.update(faults(transfer, headers))
        for name, value in headers:
            if name == "User-to-User":
                read_user_to_user(value)
        if counts["messages"] % CONTROL_EVERY == 0:
            counts["control"] += 1
            naive = control(transfer)
            data = request("INVITE", naive)
            control_broken["grammar"] += not _reads(data, naive)
            control_broken["sipmessage"] += not _sipmessage_agrees(data, naive)
    kinds = ("grammar", "meaning", "sipmessage", "number")
    return {
        **{key: counts[key] for key in ("messages", "refused", "anonymous", "control")},
        "headers": dict(sorted(by_header.items())),
        "broken": {kind: broken[kind] for kind in kinds},
        "control_broken": {kind: control_broken[kind] for kind in ("grammar", "sipmessage")},
    }


def _reads(data: bytes, headers: Sequence[Header]) -> bool:
    try:
        read = read_request(data)[1]
        for name, value in read:
            read_value(name, value)
    except GrammarError:
        return False
    return read == list(headers)


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--messages", type=int, metavar="N", help=f"how many requests ({N_MESSAGES:,})"
    )


def _run(options: Namespace) -> Document:
    quick: bool = options.quick
    n: int = options.messages or (500 if quick else N_MESSAGES)
    results = measure(n, seed=options.seed)
    return Document("fuzz-headers", machine(seed=options.seed), {"quick": quick, "n": n}, results)


def _unavailable(_: Namespace) -> str | None:
    if importlib.util.find_spec("sipmessage") is None:
        return 'the second reader is not installed: pip install "routing-engine[dev]"'
    return None


def _table(document: Document) -> Table:
    results = document.results
    broken, control_broken = results["broken"], results["control_broken"]
    rows = [
        [
            "this library",
            f"{results['messages']:,}",
            f"{broken['grammar'] + broken['meaning']:,}",
            f"{broken['sipmessage']:,}",
            f"{broken['number']:,}",
        ],
        [
            "f-strings: names only, every tenth",
            f"{results['control']:,}",
            f"{control_broken['grammar']:,}",
            f"{control_broken['sipmessage']:,}",
            "",
        ],
    ]
    columns = ("headers by", "messages", "broken: grammar", "broken: sipmessage", "numbers shown")
    note = (
        f"{results['refused']:,} more inputs had a number, URI, Call-ID or tag that cannot be sent, "
        "and were refused. Broken: not read at all, or not as the same headers, names and "
        f"addresses. Numbers shown: of {results['anonymous']:,} anonymous callers, to peers that are "
        "not declared to keep them. sipmessage "
        f"{document.meta['versions'].get('sipmessage')}; seed {document.meta['seed']}; "
        f"{setting(document.meta)}."
    )
    return Table("Hostile texts in SIP headers", columns, rows, note)


def _plot(document: Document, path: Path) -> None:
    figure, (ax,) = new_plot()
    headers = document.results["headers"]
    ax.barh(list(headers), list(headers.values()))
    ax.set(title="Headers built from hostile texts, none of them broken", xlabel="headers")
    ax.grid(alpha=0.3, axis="x")
    save_plot(figure, path)


BENCHMARK = Benchmark(
    name="fuzz-headers",
    summary="whether hostile texts can break the SIP headers of a transfer",
    add_options=_add_options,
    run=_run,
    tables={"fuzz-headers": _table},
    plot=_plot,
    unavailable=_unavailable,
)
