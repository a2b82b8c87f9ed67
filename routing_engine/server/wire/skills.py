"""Skills, guardrails and the verification of callers on the wire."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    JsonValue,
    Strict,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from routing_engine.server.wire.common import (
    WHOLE,
    DestinationText,
    Flag,
    Moment,
    Name,
    Sentence,
    Token,
    Wire,
)

__all__ = ["CallerVerification", "Guardrails", "Skill", "SkillCreate", "SkillPatch"]

MAX_OBJECT_KEYS = 100
_destination: TypeAdapter[str] = TypeAdapter(DestinationText)


def _small(value: dict[str, Any]) -> dict[str, Any]:
    if len(value) > MAX_OBJECT_KEYS:
        raise ValueError(f"must have at most {MAX_OBJECT_KEYS} names")
    return value


JsonObject = Annotated[dict[str, JsonValue], AfterValidator(_small)]


def _normalised(config: dict[str, Any]) -> dict[str, Any]:
    """Return a skill's configuration with its destination as E.164."""
    if config.get("destination") is None:
        return config
    try:
        return {**config, "destination": _destination.validate_python(config["destination"])}
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise ValueError(f"destination: {message}") from None


ExecutionConfig = Annotated[JsonObject, AfterValidator(_normalised)]

EXAMPLE: dict[str, Any] = {
    "name": "Cancel Membership",
    "description": "caller wants to end the membership",
    "skillType": "transfer",
    "parametersSchema": {"type": "object", "properties": {"memberId": {"type": "string"}}},
    "executionConfig": {"destination": "(415) 555-0113"},
    "requiresConfirmation": True,
    "requiresVerifiedIdentity": False,
    "isEnabled": True,
}


class SkillPatch(Wire):
    """A merge patch for a skill (RFC 7396): null removes, absent fields stay."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"isEnabled": False}]})

    name: Name | None = None
    description: Sentence | None = None
    skill_type: Token | None = None
    parameters_schema: JsonObject | None = None
    execution_config: ExecutionConfig | None = None
    requires_confirmation: Flag | None = None
    requires_verified_identity: Flag | None = None
    is_enabled: Flag | None = None
    is_urgent: Flag | None = None


class SkillCreate(Wire):
    """A new skill: something that an agent can do.

    Attributes:
        description: when; the condition of the rule that a transfer skill is.
        skill_type: ``transfer`` sends the caller to ``executionConfig.destination``; any other
            keeps the call with the agent.
        is_urgent: of a transfer skill: missing it costs more than a wrong transfer.
        parameters_schema, execution_config: kept for the agent; of a transfer skill's
            ``executionConfig`` only ``destination`` and ``fallback`` have a meaning.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    name: Name
    description: Sentence
    skill_type: Token
    parameters_schema: JsonObject | None = None
    execution_config: ExecutionConfig | None = None
    requires_confirmation: Flag = False
    requires_verified_identity: Flag = False
    is_enabled: Flag = True
    is_urgent: Flag = False

    @model_validator(mode="after")
    def _goes_somewhere(self) -> SkillCreate:
        if self.is_urgent and self.skill_type != "transfer":
            raise ValueError("only a transfer skill can be urgent")
        if self.skill_type == "transfer":
            config = self.execution_config or {}
            unknown = sorted(set(config) - {"destination"})
            if unknown:
                raise ValueError(f"executionConfig of a transfer skill has no {unknown[0][:60]!r}")
            if config.get("destination") is None:
                raise ValueError("a transfer skill needs an executionConfig.destination")
        return self


class Skill(Wire):
    """A stored skill."""

    id: str
    name: str
    description: str
    skill_type: str
    parameters_schema: dict[str, JsonValue] | None = None
    execution_config: dict[str, JsonValue] | None = None
    requires_confirmation: bool
    requires_verified_identity: bool
    is_enabled: bool
    is_urgent: bool = False
    etag: str
    created_at: Moment
    updated_at: Moment


Labels = Annotated[list[Name], Field(max_length=256)]


class Guardrails(Wire):
    """Labels of rules that also require verification or confirmation."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"requiresVerification": ["Billing"], "requiresConfirmation": []}]
        }
    )

    requires_verification: Labels = Field(default_factory=list)
    requires_confirmation: Labels = Field(default_factory=list)


class CallerVerification(Wire):
    """How callers are verified.

    Attributes:
        methods: the only ones that count; empty for any.
        ttl_seconds: for how long a verification holds.
        max_attempts: after as many failures the caller is not asked again.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"methods": ["pin"], "ttlSeconds": 900, "maxAttempts": 3}]}
    )

    methods: Annotated[list[Token], Field(max_length=16)] = Field(default_factory=list)
    ttl_seconds: Annotated[int, Strict(), Field(ge=1, le=86_400), WHOLE] = 900
    max_attempts: Annotated[int, Strict(), Field(ge=1, le=20), WHOLE] = 3
