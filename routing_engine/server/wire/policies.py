"""The dial policy of an organisation on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from routing_engine.model.destinations import DEFAULT_DIAL_POLICY, NUMBER_TYPES
from routing_engine.model.destinations import DialPolicy as Policy
from routing_engine.server.costly import CostlyLimit as Limit
from routing_engine.server.costly import OrganisationPolicy
from routing_engine.server.wire.common import AllowedNumber, Flag, Wire

__all__ = ["CostlyLimit", "DialPolicy"]

MAX_ALLOWED = 1000
MAX_PER_HOUR = 10_000

NumberType = Literal[
    "fixed_line", "mobile", "fixed_line_or_mobile", "toll_free", "premium_rate", "shared_cost",
    "voip", "personal_number", "pager", "uan", "voicemail", "unknown", "satellite",
]  # fmt: skip


def _country(code: str) -> str:
    Policy(countries=frozenset({code}))
    return code


def _host(written: str) -> str:
    return "".join(Policy(sip_hosts=frozenset({written})).sip_hosts or ())


Country = Annotated[
    str,
    StringConstraints(pattern="^[A-Z]{2}$"),
    Field(examples=["US"]),
    AfterValidator(_country),
]
SipHost = Annotated[
    str,
    Field(min_length=1, max_length=255, examples=["sip.example.com", "*.example.com"]),
    AfterValidator(_host),
]


class CostlyLimit(Wire):
    """How many transfers to costly places a location may make in an hour.

    Costly are numbers of all countries but those named, and premium-rate, shared-cost, satellite,
    personal and pager numbers anywhere, by themselves or in a SIP URI. Beyond the limit they are
    refused, as if by the policy.

    Attributes:
        per_hour: transfers of one location within any hour; the workers of a server share them.
        except_countries: ISO 3166 codes of countries that are not costly.
    """

    per_hour: Annotated[int, Field(ge=0, le=MAX_PER_HOUR, strict=True)]
    except_countries: Annotated[list[Country], Field(max_length=300)] = Field(default_factory=list)


class DialPolicy(Wire):
    """Where the agents of an organisation may send calls. What is left out is the default.

    Attributes:
        countries: ISO 3166 codes; null for all, an empty list for none.
        refused_types: types of numbers that are never dialled.
        allow_sip: whether SIP URIs may be called.
        allow: numbers and SIP URIs that may be called whatever the rest says; null for none.
        sip_hosts: hosts that SIP URIs may name; ``*.example.com`` is every host below it; null for
            all, an empty list for none.
        costly: a limit on transfers to costly places; null for none.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "countries": ["US", "CA"],
                    "refusedTypes": ["premium_rate", "shared_cost", "satellite"],
                    "sipHosts": ["sip.example.com", "*.branches.example.com"],
                    "costly": {"perHour": 20, "exceptCountries": ["US", "CA"]},
                }
            ]
        }
    )

    countries: Annotated[list[Country], Field(max_length=300)] | None = None
    refused_types: Annotated[list[NumberType], Field(max_length=len(NUMBER_TYPES))] = Field(
        default_factory=lambda: sorted(DEFAULT_DIAL_POLICY.refused_types)  # type: ignore[arg-type]
    )
    allow_sip: Flag = True
    allow: Annotated[list[AllowedNumber], Field(max_length=MAX_ALLOWED)] | None = None
    sip_hosts: Annotated[list[SipHost], Field(max_length=MAX_ALLOWED)] | None = None
    costly: CostlyLimit | None = None

    @classmethod
    def of(cls, policy: OrganisationPolicy) -> DialPolicy:
        """A policy on the wire."""
        fields = policy.dial.to_dict()
        if (limit := policy.limit) is not None:
            excepted = sorted(limit.except_countries)
            fields["costly"] = CostlyLimit.model_construct(
                per_hour=limit.per_hour, except_countries=excepted
            )
        return cls.model_construct(**fields)

    def as_policy(self) -> OrganisationPolicy:
        """The policy itself.

        Raises:
            InvalidValueError: nothing of it is wrong that the fields have not said already.
        """
        dial = Policy(**self.model_dump(by_alias=False, exclude={"costly"}))
        if self.costly is None:
            return OrganisationPolicy(dial)
        excepted = frozenset(self.costly.except_countries)
        return OrganisationPolicy(dial, Limit(self.costly.per_hour, excepted))
