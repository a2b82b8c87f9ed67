"""Compile a draft to a location for the engine, and to a policy for its live calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from routing_engine.calls.call import CallPolicy
from routing_engine.errors import InvalidValueError, Problem
from routing_engine.hours import BusinessHours
from routing_engine.model.destinations import Destination, DialPolicy, as_kept
from routing_engine.model.rules import ContextRule, Location
from routing_engine.server.wire.agents import Config, RoutingTest, TransferRule
from routing_engine.server.wire.hours import DAYS, Hours
from routing_engine.server.wire.skills import CallerVerification, Guardrails, SkillCreate

__all__ = ["EMERGENCY_LABEL", "NEVER", "Compiled", "call_policy", "compile_draft"]

EMERGENCY_LABEL = "After-Hours Emergency"
EMERGENCY_WHEN = (
    "caller has an emergency that cannot wait until opening hours: danger, damage that is "
    "happening now, or somebody hurt"
)
EMERGENCY_EXAMPLES = (
    "this is an emergency",
    "it can't wait until tomorrow",
    "I need somebody out here right now",
    "there's water pouring in everywhere",
    "I smell gas",
    "somebody got hurt",
)

NEVER = 1_000_000
"""A number of silences that no call reaches: silence never transfers."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled draft.

    Attributes:
        location: of the agent's ``locationId``.
        tests: its routing tests.
    """

    location: Location
    tests: tuple[RoutingTest, ...] = ()


def compile_draft(draft: Mapping[str, Any], policy: DialPolicy | None = None) -> Compiled:
    """Compile a draft to the location that publishing it would freeze.

    - A transfer rule is a rule; a skill of type ``transfer`` is one more, ``description`` its
      ``when`` and ``name`` its label; a skill of another type is a rule that contains.
    - ``afterHours.number`` is where callers go whom no rule takes while it is closed, unless
      ``allowHumanTransfer`` is false; where it is true and there is no number, the default.
    - ``afterHours.emergencyNumber`` is a rule for the hours in which the location is closed.
    - Guardrails ask for verification or confirmation by label, beside what rules say themselves.

    Args:
        draft: ``name``, ``locationId``, ``config``, ``skills``, ``guardrails`` and
            ``callerVerification``, each valid by itself.
        policy: what every destination must pass; None to leave that to who decides.

    Raises:
        InvalidValueError: parts do not fit together; paths are those of the wire.
    """
    # Numbers were checked when they were saved.
    with as_kept():
        return _Compilation(draft, policy).run()


def call_policy(draft: Mapping[str, Any]) -> CallPolicy:
    """Return the policy for live calls of a draft. Does not compile its rules."""
    control = (draft["config"].get("callControl") or {}).get("onNoResponseAction") or "transfer"
    verification = CallerVerification.model_validate(draft.get("callerVerification") or {})
    return CallPolicy(
        max_silences=CallPolicy().max_silences if control == "transfer" else NEVER,
        max_verifications=verification.max_attempts,
        verified_for_s=float(verification.ttl_seconds),
    )


class _Compilation:
    def __init__(self, draft: Mapping[str, Any], policy: DialPolicy | None) -> None:
        self.draft = draft
        self.policy = policy
        self.problems: list[Problem] = []
        self.paths: list[str] = []
        self.rules: list[ContextRule] = []

    def run(self) -> Compiled:
        draft = self.draft
        config = Config.model_validate(draft["config"])
        guardrails = Guardrails.model_validate(draft.get("guardrails") or {})
        verification = CallerVerification.model_validate(draft.get("callerVerification") or {})
        handoff, hours = config.handoff_config, config.business_hours
        default = None if handoff is None else handoff.transfer_destination
        if default is None:
            self._wrong(
                "handoffConfig.transferDestination",
                "is required: where callers go that match no rule",
            )
        else:
            self._may_dial("handoffConfig.transferDestination", Destination.parse(default))
        for i, rule in enumerate((handoff and handoff.transfer_rules) or ()):
            self._add(f"handoffConfig.transferRules.{i}", **_fields(rule))
        for item in draft.get("skills") or ():
            self._add_skill(item)
        schedule = self._schedule(hours)
        after = None if hours is None else hours.after_hours
        after_number = None
        if after is not None:
            if after.emergency_number is not None and schedule is not None:
                self._add(
                    "businessHours.afterHours.emergencyNumber",
                    number_at="",
                    label=EMERGENCY_LABEL,
                    when=EMERGENCY_WHEN,
                    examples=EMERGENCY_EXAMPLES,
                    destination=after.emergency_number,
                    hours="closed",
                    urgent=True,
                )
            if after.allow_human_transfer is not False:
                after_number = after.number or (default if after.allow_human_transfer else None)
                if after.number is not None:
                    number = Destination.parse(after.number)
                    self._may_dial("businessHours.afterHours.number", number)
        self._guard(guardrails, verification)
        self._check_tests(config)
        if self.problems:
            raise InvalidValueError(what="draft", problems=self.problems)
        assert default is not None
        try:
            location = Location(
                location_id=draft["locationId"],
                name=draft["name"],
                default_destination=default,
                rules=self.rules,
                threshold=None if handoff is None else handoff.escalation_threshold,
                timezone=None if hours is None else hours.timezone,
                business_hours=schedule,
                after_hours=after_number,
                lines=tuple(config.lines or ()),
            )
        except InvalidValueError as error:
            raise InvalidValueError(
                what="draft", problems=[self._on_the_wire(problem) for problem in error.problems]
            ) from error
        return Compiled(location, tuple(config.routing_tests or ()))

    def _wrong(self, path: str, message: str) -> None:
        self.problems.append(Problem(path, message))

    def _add(self, path: str, *, number_at: str = "destination", **fields: Any) -> None:
        """Add a rule, which stands at a path, and its destination below that or there itself."""
        try:
            rule = ContextRule(**fields)
        except InvalidValueError as error:
            for problem in error.problems:
                self._wrong(".".join(filter(None, (path, _camel(problem.path)))), problem.message)
            return
        if rule.destination is not None:
            self._may_dial(f"{path}.{number_at}".rstrip("."), rule.destination)
        for i, destination in enumerate(rule.fallback):
            self._may_dial(f"{path}.fallback.{i}", destination)
        self.paths.append(path)
        self.rules.append(rule)

    def _may_dial(self, path: str, destination: Destination) -> None:
        refusal = None if self.policy is None else self.policy.refusal(destination)
        if refusal is not None:
            self._wrong(path, f"{refusal} by the organisation's dial policy")

    def _add_skill(self, item: Mapping[str, Any]) -> None:
        path = f"skills.{item['id']}"
        known = {field.alias for field in SkillCreate.model_fields.values()}
        skill = SkillCreate.model_validate({k: v for k, v in item.items() if k in known})
        fields: dict[str, Any] = {
            "label": skill.name,
            "when": skill.description,
            "requires_confirmation": skill.requires_confirmation,
            "requires_verification": skill.requires_verified_identity,
            "enabled": skill.is_enabled,
            "urgent": skill.is_urgent,
        }
        if skill.skill_type == "transfer":
            assert skill.execution_config is not None
            fields["destination"] = skill.execution_config["destination"]
            required = (skill.parameters_schema or {}).get("required")
            if isinstance(required, list):
                fields["required_details"] = required
        else:
            fields["action"] = "contain"
        self._add(path, number_at="executionConfig.destination", **fields)

    def _schedule(self, hours: Hours | None) -> BusinessHours | None:
        if hours is None or hours.weekly is None:
            if hours is not None and (hours.holidays or hours.exceptions or hours.country):
                self._wrong("businessHours.weekly", "is required where there are holidays")
            return None
        if hours.timezone is None:
            self._wrong("businessHours.timezone", "is required where there are hours")
            return None
        try:
            return BusinessHours(
                timezone=hours.timezone,
                weekly=[getattr(hours.weekly, day) or () for day in DAYS],
                holidays=tuple(item.as_schedule() for item in hours.holidays or ()),
                exceptions=tuple(item.as_schedule() for item in hours.exceptions or ()),
                country=hours.country,
                subdivision=hours.subdivision,
                public_holidays=hours.public_holidays or (),
            )
        except InvalidValueError as error:
            for problem in error.problems:
                self._wrong(
                    ".".join(filter(None, ("businessHours", _camel(problem.path)))), problem.message
                )
            return None

    def _guard(self, guardrails: Guardrails, verification: CallerVerification) -> None:
        labels = [rule.label.casefold() for rule in self.rules]
        for field in ("requires_verification", "requires_confirmation"):
            for i, label in enumerate(getattr(guardrails, field)):
                found = [at for at, known in enumerate(labels) if known == label.casefold()]
                if not found:
                    self._wrong(
                        f"guardrails.{_camel(field)}.{i}", "no rule or skill has this label"
                    )
                for at in found:
                    self.rules[at] = self.rules[at].model_copy(update={field: True})
        if verification.methods:
            self.rules = [
                rule.model_copy(update={"verification_methods": tuple(verification.methods)})
                if rule.requires_verification and not rule.verification_methods
                else rule
                for rule in self.rules
            ]

    def _check_tests(self, config: Config) -> None:
        labels = {rule.label for rule in self.rules}
        for i, test in enumerate(config.routing_tests or ()):
            if test.expect is not None and test.expect not in labels:
                self._wrong(f"routingTests.{i}.expect", "no rule or skill has this label")

    def _on_the_wire(self, problem: Problem) -> Problem:
        first, _, rest = problem.path.partition(".")
        if first == "rules" and rest:
            number, _, field = rest.partition(".")
            path = ".".join(filter(None, (self.paths[int(number)], _camel(field))))
            return Problem(path, problem.message)
        of = {"name": "name", "location_id": "locationId", "timezone": "businessHours.timezone"}
        if first == "lines":
            return problem
        return Problem(of.get(first, "handoffConfig"), problem.message)


def _fields(rule: TransferRule) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in type(rule).model_fields}


def _camel(path: str) -> str:
    from pydantic.alias_generators import to_camel

    return ".".join(to_camel(part) if part.isidentifier() else part for part in path.split("."))
