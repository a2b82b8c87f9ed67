"""Writers to a server that is killed; they know what must be stored.

A writer does one thing after the other, and remembers what was acknowledged and what was sent and
never answered. After a restart it looks: what was acknowledged must be there; what was not is all
there or not at all; and a POST sent again with its key is done exactly once.

Whatever is written carries a number n, in the name and as the end of each phone number in it, so
that half of one write and half of another cannot pass for a whole.
"""

from __future__ import annotations

import json
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from benchmarks.processes import BenchmarkProcessError
from benchmarks.served import Client, sheet_form
from routing_engine import Location
from routing_engine.store import Store

__all__ = ["Calls", "Drafts", "Imports", "Publisher", "Skills", "Writer", "whole"]

AREA = 415
LOOK_EVERY_S = 0.02
SITUATIONS = {
    "Billing": "caller asks about an invoice, charge, or refund",
    "Booking": "caller wants to make, move or cancel an appointment",
}
SHEET_HEAD = "location_id,location_name,timezone,default_destination,label,when,destination"
N_SKILLS = 12
N_TURNS = 6


def number(n: int) -> str:
    """Return the phone number of a write."""
    return f"+1{AREA}555{n % 10_000:04d}"


def draft(n: int) -> dict[str, Any]:
    """Return the body of a PATCH."""
    rules = [
        {"label": label, "when": when, "destination": number(n)}
        for label, when in SITUATIONS.items()
    ]
    return {
        "name": f"n{n}",
        "handoffConfig": {"transferDestination": number(n), "transferRules": rules},
    }


def whole(document: Mapping[str, Any]) -> int | None:
    """Return the write that a draft comes from; None if it mixes writes."""
    config = document.get("config", document).get("handoffConfig", {})
    found = [config.get("transferDestination")]
    found += [rule.get("destination") for rule in config.get("transferRules", ())]
    name = str(document.get("name"))
    if not name.startswith("n") or not name[1:].isdigit():
        return None
    n = int(name[1:])
    return n if found == [number(n)] * (1 + len(SITUATIONS)) else None


def whole_location(location: Location, n: int) -> bool:
    """Whether a compiled location comes from one write as a whole."""
    numbers = [location.default_destination, *(rule.destination for rule in location.rules)]
    return [str(item) for item in numbers] == [number(n)] * (1 + len(SITUATIONS))


@dataclass(frozen=True, slots=True)
class _Sent:
    """A POST that can be repeated."""

    path: str
    body: bytes
    kind: str
    key: str


class Writer:
    """Base of writers, which write and check.

    Args:
        name: of its own.
        seed: of what it draws.

    Attributes:
        is_warm: set once something was acknowledged since the server was started.
        under_way: set whenever it sends what is worth being interrupted.
        acknowledged: how many writes of each kind were.
        interrupted: how many of each kind were not, by whether they turned out done.
        breaches: what was not as it has to be.
    """

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.chance = random.Random(f"crash {name} {seed}")
        self.is_warm = threading.Event()
        self.under_way = threading.Event()
        self.acknowledged: Counter[str] = Counter()
        self.interrupted: Counter[tuple[str, bool]] = Counter()
        self.breaches: list[str] = []
        self._unanswered: _Sent | None = None
        self._answered: tuple[_Sent, bytes] | None = None

    def prepare(self, client: Client) -> None:
        """Create the objects to write to."""

    def step(self, client: Client) -> None:
        """Write once."""
        raise NotImplementedError

    def check(self, client: Client) -> None:
        """Check everything written since the last check."""
        raise NotImplementedError

    def check_store(self, store: Store, organisation_id: str) -> None:
        """Check what the API does not show."""

    def look_again(self) -> None:
        """Check everything at the next check."""

    def _expect(self, condition: bool, what: str) -> None:
        if not condition:
            self.breaches.append(f"{self.name}: {what}")

    def _post(
        self, client: Client, path: str, value: object, *, kind: str = "application/json"
    ) -> Any:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self._deliver(client, _Sent(path, body, kind, secrets.token_hex(8)))

    def _deliver(self, client: Client, sent: _Sent) -> Any:
        self._unanswered = sent
        status, answer = client.send("POST", sent.path, sent.body, kind=sent.kind, key=sent.key)
        self._unanswered = None
        if not 200 <= status < 300:
            raise BenchmarkProcessError(f"{self.name}: POST {sent.path}: {status} {answer[:500]!r}")
        self._answered = sent, answer
        return json.loads(answer)["data"]

    def _again(self, client: Client) -> Any:
        """Repeat an unanswered request; return its ``data``, or None.

        Whatever was answered last must be answered so for ever.
        """
        unanswered, answered = self._unanswered, self._answered
        if answered is not None:
            self._deliver(client, answered[0])
            self._expect(self._answered == answered, f"another answer to {answered[0].path}")
        if unanswered is None:
            return None
        return self._deliver(client, unanswered)

    def _interruption(self, what: str, *, is_done: bool) -> None:
        self.interrupted[what, is_done] += 1


class Drafts(Writer):
    """Patch one draft repeatedly."""

    def prepare(self, client: Client) -> None:
        self._n = self._n_kept = 1
        self._agent_id = self._post(client, "/agents", draft(1))["id"]

    def step(self, client: Client) -> None:
        self._n += 1
        client.ask("PATCH", f"/agents/{self._agent_id}", draft(self._n))
        self._n_kept = self._n
        self.acknowledged["PATCH of a draft"] += 1

    def check(self, client: Client) -> None:
        self._again(client)
        found = whole(client.ask("GET", f"/agents/{self._agent_id}"))
        self._expect(found in (self._n_kept, self._n), f"draft {found}, not {self._n_kept}")
        if self._n != self._n_kept:
            self._interruption("PATCH of a draft", is_done=found == self._n)
            self._n_kept = self._n if found is None else found


class Skills(Writer):
    """Add, change and delete the skills of one agent."""

    def prepare(self, client: Client) -> None:
        self._n = 0
        self._kept: dict[str, int] = {}
        self._doing: tuple[str, int | None] | None = None
        self._path = f"/agents/{self._post(client, '/agents', draft(1))['id']}/skills"

    def step(self, client: Client) -> None:
        self._n += 1
        n, changed = self._n, {"description": f"n{self._n}", "executionConfig": _dial(self._n)}
        if len(self._kept) < N_SKILLS and self.chance.random() < 0.6:
            skill = {"name": f"skill {n}", "skillType": "transfer", **changed}
            self._kept[self._post(client, self._path, skill)["id"]] = n
            self.acknowledged["POST of a skill"] += 1
            return
        if not self._kept:
            return
        skill_id = self.chance.choice(list(self._kept))
        if self.chance.random() < 0.5:
            self._doing = skill_id, n
            client.ask("PATCH", f"{self._path}/{skill_id}", changed)
            self._kept[skill_id] = n
            self.acknowledged["PATCH of a skill"] += 1
        else:
            self._doing = skill_id, None
            client.ask("DELETE", f"{self._path}/{skill_id}")
            del self._kept[skill_id]
            self.acknowledged["DELETE of a skill"] += 1
        self._doing = None

    def check(self, client: Client) -> None:
        found = self._found(client)
        if self._unanswered is not None:
            self._interruption("POST of a skill", is_done=len(found) > len(self._kept))
        made = self._again(client)
        if made is not None:
            self._kept[made["id"]] = self._n
        elif self._doing is not None:
            skill_id, n = self._doing
            is_done = found.get(skill_id) == n
            self._interruption(
                "DELETE of a skill" if n is None else "PATCH of a skill", is_done=is_done
            )
            if is_done and n is None:
                del self._kept[skill_id]
            elif is_done and n is not None:
                self._kept[skill_id] = n
        self._doing = None
        found = self._found(client)
        self._expect(found == self._kept, f"skills {found}, not {self._kept}")

    def _found(self, client: Client) -> dict[str, int | None]:
        """Return the id of each skill with its write; None if it mixes writes."""
        items = client.ask("GET", f"{self._path}?limit=1000")["items"]
        return {item["id"]: _of_skill(item) for item in items}


def _dial(n: int) -> dict[str, str]:
    return {"destination": number(n)}


def _of_skill(item: Mapping[str, Any]) -> int | None:
    n = int(item["description"][1:])
    return n if item["executionConfig"] == _dial(n) else None


class Publisher(Writer):
    """Change and publish a draft, sometimes rolling back to an earlier version."""

    def prepare(self, client: Client) -> None:
        self._n = 1
        self._made: list[int] = []
        self._n_checked = 0
        self._now = self._next = 1
        self._what = ""
        self._path = f"/agents/{self._post(client, '/agents', draft(1))['id']}"

    def step(self, client: Client) -> None:
        if len(self._made) > 3 and self.chance.random() < 0.1:
            back = self.chance.randrange(len(self._made)) + 1
            self._next = self._made[back - 1]
            body = {"version": back, "note": f"n{self._next}"}
            self._publish(client, "rollback", body)
            return
        self._n += 1
        self._next = self._n
        client.ask("PATCH", self._path, draft(self._n))
        self._now = self._n
        self.acknowledged["PATCH of a draft"] += 1
        self._publish(client, "publish", {"note": f"n{self._n}"})

    def _publish(self, client: Client, what: str, body: Mapping[str, object]) -> None:
        self._what = f"POST {what}"
        self.under_way.set()
        made = self._post(client, f"{self._path}/{what}", body)
        self._published(made["version"])
        self.acknowledged[self._what] += 1

    def _published(self, version: int) -> None:
        self._made.append(self._next)
        self._now = self._next
        self._expect(version == len(self._made), f"version {version}, not {len(self._made)}")

    def check(self, client: Client) -> None:
        self._check_before(client)
        made = self._again(client)
        if made is not None:
            self._published(made["version"])
        found = whole(client.ask("GET", self._path))
        self._expect(found in (self._now, self._next), f"draft {found}, not {self._now}")
        self._now = self._next = self._now if found is None else found
        self._check_versions(client)

    def _check_before(self, client: Client) -> None:
        """Check, before repeating it, that an unanswered write is stored whole or not at all."""
        agent = client.ask("GET", self._path)
        version = agent["version"] or 0
        if self._unanswered is None:
            self._expect(version == len(self._made), f"version {version}, not {len(self._made)}")
            if self._now != self._next:
                self._interruption("PATCH of a draft", is_done=whole(agent) == self._next)
            return
        is_done = version == len(self._made) + 1
        self._interruption(self._what, is_done=is_done)
        self._expect(is_done or version == len(self._made), f"{version} versions")
        self._expect(
            whole(agent) == (self._next if is_done else self._now),
            f"after {self._what}, {'done' if is_done else 'not done'}: draft {whole(agent)}",
        )

    def _check_versions(self, client: Client) -> None:
        items = client.items(f"{self._path}/versions")
        listed = [(item["version"], item["note"]) for item in items]
        expected = [(i, f"n{n}") for i, n in enumerate(self._made, 1)]
        self._expect(listed == expected[::-1], f"versions {listed[:5]}, not {expected[:-6:-1]}")
        for i, n in self._new():
            shown = client.ask("GET", f"{self._path}/versions/{i}")
            self._expect(whole(shown["snapshot"]) == n, f"version {i} is not whole")
        if self._made:
            decision = client.ask("POST", f"{self._path}/route", {"utterance": "my invoice"})
            self._expect(
                (decision["version"], decision["destination"])
                == (len(self._made), number(self._made[-1])),
                f"callers get version {decision['version']}, not {len(self._made)}",
            )

    def check_store(self, store: Store, organisation_id: str) -> None:
        agent_id = self._path.rpartition("/")[2]
        with store.read(organisation_id) as work:
            for i, n in self._new():
                location = Location.model_validate_json(work.versions.get(agent_id, i).location)
                self._expect(whole_location(location, n), f"the location of {i} is not whole")
        self._n_checked = len(self._made)

    def look_again(self) -> None:
        self._n_checked = 0

    def _new(self) -> list[tuple[int, int]]:
        """Return unchecked versions, with the write of each."""
        return list(enumerate(self._made, 1))[self._n_checked :]


class Calls(Writer):
    """Open calls, take their turns and end them."""

    def prepare(self, client: Client) -> None:
        self._n = 0
        self._call_id = ""
        self._kept: dict[str, list[str]] = {}
        self._ended: dict[str, str] = {}
        self._to_check: set[str] = set()
        self._said = self._ending = self._what = ""
        agent_id = self._post(client, "/agents", draft(1))["id"]
        self._path = f"/agents/{agent_id}/calls"
        self._post(client, f"/agents/{agent_id}/publish", {})

    def step(self, client: Client) -> None:
        self._said = self._ending = ""
        if self._call_id and len(self._kept[self._call_id]) < N_TURNS:
            self._n += 1
            self._what, self._said = "POST of a turn", f"n{self._n}"
            turn = {"event": "agentSaid"} if self._n % 2 else {}
            path = f"/calls/{self._call_id}/turns"
            self._done(self._post(client, path, {**turn, "text": self._said}))
        elif self._call_id:
            self._what = "POST of an outcome"
            self._ending = self.chance.choice(["transferred", "contained", "abandoned"])
            path = f"/calls/{self._call_id}/outcome"
            self._done(self._post(client, path, {"outcome": self._ending}))
        else:
            self._what = "POST of a call"
            self._done(self._post(client, self._path, {"callerId": "+12025550188"}))
        self.acknowledged[self._what] += 1

    def _done(self, data: Mapping[str, Any]) -> None:
        if self._said:
            self._kept[self._call_id].append(self._said)
        elif self._ending:
            self._ended[self._call_id] = self._ending
            self._call_id = ""
        else:
            self._call_id = data["callId"]
            self._kept[self._call_id] = []
        self._to_check.add(self._call_id)

    def check(self, client: Client) -> None:
        if self._unanswered is not None:
            self._interruption(self._what, is_done=self._is_done(client))
        data = self._again(client)
        if data is not None:
            self._done(data)
        n_calls = client.ask("GET", f"{self._path}?limit=1")["totals"]["calls"]
        self._expect(n_calls == len(self._kept), f"{n_calls} calls, not {len(self._kept)}")
        for call_id in self._to_check - {""}:
            call = client.ask("GET", f"/calls/{call_id}")
            said = _said(call)
            self._expect(said == self._kept[call_id], f"turns {said}, not {self._kept[call_id]}")
            ending = self._ended.get(call_id)
            self._expect((call["endedAt"] is not None) == (ending is not None), "a call's end")
            if ending is not None:
                self._expect(call["transferred"] == (ending == "transferred"), "a call's outcome")
        self._to_check = {self._call_id}

    def look_again(self) -> None:
        self._to_check = set(self._kept)

    def _is_done(self, client: Client) -> bool:
        if not (self._said or self._ending):
            page = client.ask("GET", f"{self._path}?limit=1")
            return bool(page["totals"]["calls"] > len(self._kept))
        call = client.ask("GET", f"/calls/{self._call_id}")
        if self._ending:
            return call["endedAt"] is not None
        return len(_said(call)) > len(self._kept[self._call_id])


def _said(call: Mapping[str, Any]) -> list[str]:
    return [item["text"] for item in call["timeline"] if item["kind"] in ("caller", "agent")]


class Imports(Writer):
    """Import the sheet of a franchise repeatedly, publishing every second one.

    Args:
        n_locations: of the sheet, which only this writer writes.

    Attributes:
        last_s: how long the last import took.
    """

    def __init__(self, name: str, seed: int, *, n_locations: int) -> None:
        super().__init__(name, seed)
        self.last_s = 1.0
        self._n_locations = n_locations
        self._n = self._n_kept = 0
        self._publishes = False
        self._published: list[int] = []
        self._import_id = ""

    def step(self, client: Client) -> None:
        self._n += 1
        self._publishes = self._n % 2 == 1
        self._import_id = ""
        kind, body = self._upload()
        self.under_way.set()
        started_s = time.perf_counter()
        self._import_id = self._post(client, "/imports", body, kind=kind)["id"]
        self._finished(client)
        self.last_s = time.perf_counter() - started_s
        self.acknowledged["import that was done"] += 1

    def _upload(self) -> tuple[str, bytes]:
        lines = [SHEET_HEAD]
        for i in range(self._n_locations):
            head = f"{self.name}-{i:05d},n{self._n},America/Los_Angeles,{number(self._n)}"
            lines += [
                f'{head},{label},"{when}",{number(self._n)}' for label, when in SITUATIONS.items()
            ]
        return sheet_form("\r\n".join(lines).encode(), publish=self._publishes)

    def _finished(self, client: Client) -> None:
        """Wait until the running import has ended."""
        while (found := self._status(client)) == "running":
            time.sleep(LOOK_EVERY_S)
        if found != "done":
            raise BenchmarkProcessError(f"an import {found}")
        self._keep()

    def is_running(self, client: Client) -> bool:
        """Whether the import that was asked for last still runs."""
        return bool(self._import_id) and self._status(client) == "running"

    def _status(self, client: Client) -> str:
        status: str = client.ask("GET", f"/imports/{self._import_id}")["status"]
        return status

    def _keep(self) -> None:
        self._n_kept = self._n
        if self._publishes:
            self._published.append(self._n)

    def check(self, client: Client) -> None:
        started_at = datetime.now(UTC)
        if self._n != self._n_kept:
            is_done = self._found(client) == {(self._n, len(self._published) + self._publishes)}
            self._interruption("import", is_done=is_done)
            if self._import_id:
                status = self._status(client)
                self._expect((status == "done") == is_done, f"{status}, but done: {is_done}")
            if is_done:
                self._keep()
        made = self._again(client)
        if made is not None:
            self._import_id = made["id"]
            if datetime.fromisoformat(made["createdAt"]) >= started_at:
                self._finished(client)
        self._n = self._n_kept
        expected = {(self._n_kept, len(self._published))} if self._n_kept else set()
        found = self._found(client)
        self._expect(found == expected, f"writes and versions {found}, not {expected}")

    def _found(self, client: Client) -> set[tuple[int | None, int]]:
        """Return the single write and version of all drafts; None if they are mixed."""
        mine = f"{self.name}-"
        items = [a for a in client.items("/agents") if a["locationId"].startswith(mine)]
        self._expect(len(items) in (0, self._n_locations), f"{len(items)} agents")
        return {(whole(agent), agent["version"] or 0) for agent in items}

    def check_store(self, store: Store, organisation_id: str) -> None:
        changes = store.feed(organisation_id).changes()
        self._expect(not changes.unreadable, "published locations that cannot be read")
        mine = [a for a in changes.locations if a.location_id.startswith(f"{self.name}-")]
        n_expected = self._n_locations if self._published else 0
        self._expect(len(mine) == n_expected, f"{len(mine)} are published")
        last = self._published[-1] if self._published else 0
        self._expect(
            all(whole_location(location, last) for location in mine),
            "what is published is not of one import",
        )
