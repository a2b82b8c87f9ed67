"""``/dial-policy``: where the agents of an organisation may send calls."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from routing_engine.model.destinations import DialPolicy as Policy
from routing_engine.server.costly import OrganisationPolicy
from routing_engine.server.requests import answer, plane_of, principal_of, router, secured
from routing_engine.server.wire.common import Envelope
from routing_engine.server.wire.policies import DialPolicy
from routing_engine.server.writes import reading, writing
from routing_engine.store import UnitOfWork

__all__ = ["policies", "policy_of"]

policies = router()


def policy_of(work: UnitOfWork) -> Policy:
    """The dial policy of the organisation of a transaction, as it is stored."""
    return OrganisationPolicy.of(work.dial_policy.get()).dial


@policies.get(
    "/dial-policy",
    response_model=Envelope[DialPolicy],
    openapi_extra=secured("agents:read"),
    tags=["dial policy"],
)
def get_dial_policy(request: Request) -> Response:
    """Where calls may be sent: as it was set, or the default."""
    with reading(request) as work:
        policy = OrganisationPolicy.of(work.dial_policy.get())
    return answer(DialPolicy.of(policy), "dial policy")


@policies.put(
    "/dial-policy",
    response_model=Envelope[DialPolicy],
    openapi_extra=secured("keys:write"),
    tags=["dial policy"],
)
def put_dial_policy(request: Request, body: DialPolicy) -> Response:
    """Replace where calls may be sent; audited.

    Every worker asks it at the next decision that it makes, some seconds later at most: what is
    published and refused by it gives way to the default. Drafts are asked when they are saved and
    published. The scope is that of who gives out keys. With ``costly``, a location that has made as
    many transfers to costly places within an hour makes no more: these are refused, too.
    """
    policy = body.as_policy()
    with writing(request) as work:
        work.dial_policy.put(policy.to_dict())
    plane_of(request).take_policy(principal_of(request).organisation_id, policy)
    return answer(DialPolicy.of(policy), "dial policy saved")
