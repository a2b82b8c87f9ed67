"""The options of an engine, checked once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from routing_engine.encoders import Encoder, default_encoder
from routing_engine.errors import InvalidValueError
from routing_engine.model.destinations import Destination, DialPolicies, DialPolicy
from routing_engine.model.rules import RoutingPolicy

__all__ = ["EngineOptions"]


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Options of an engine, apart from its locations.

    Attributes:
        encoder: embeds rules and utterances.
        policy: thresholds.
        default_destination: where calls of unknown locations go; None makes them an error.
        dial_policy: which destinations may be dialled; or what says it of a location.
        cache_size: utterances whose scores are cached; 0 for none.
        max_waiting: utterances that may wait for the encoder.

    Raises:
        InvalidValueError: an argument of the wrong type, or a default destination that the dial
            policy refuses.
    """

    encoder: Encoder
    policy: RoutingPolicy
    default_destination: Destination | None
    dial_policy: DialPolicies
    cache_size: int
    max_waiting: int

    def __post_init__(self) -> None:
        for name, kind, expected in (
            ("encoder", Encoder, "an Encoder"),
            ("policy", RoutingPolicy, "a RoutingPolicy"),
            ("default_destination", Destination | None, "a Destination, its text or None"),
            ("dial_policy", DialPolicy | Callable, "a DialPolicy, or a function that gives one"),
        ):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise InvalidValueError(f"{name} must be {expected}, not {type(value).__name__}")
        if type(self.cache_size) is not int or self.cache_size < 0:
            raise InvalidValueError(f"cache_size must be at least 0, not {self.cache_size!r}")
        # Of a location that is unknown, nobody can say by whose policy it is refused.
        if self.default_destination is not None and isinstance(self.dial_policy, DialPolicy):
            refusal = self.dial_policy.refusal(self.default_destination)
            if refusal is not None:
                raise InvalidValueError(f"default_destination: {refusal}")

    @classmethod
    def of(
        cls,
        encoder: Encoder | None,
        policy: RoutingPolicy | None,
        default_destination: str | Destination | None,
        dial_policy: DialPolicies,
        cache_size: int,
        max_waiting: int,
    ) -> EngineOptions:
        """Fill in defaults: the packaged encoder, the calibrated policy, a parsed destination."""
        return cls(
            encoder=default_encoder() if encoder is None else encoder,
            policy=RoutingPolicy() if policy is None else policy,
            default_destination=(
                Destination.parse(default_destination)
                if isinstance(default_destination, str)
                else default_destination
            ),
            dial_policy=dial_policy,
            cache_size=cache_size,
            max_waiting=max_waiting,
        )
