"""The robot's policies by name and version, as a protocol card names them."""

from __future__ import annotations

from bifseg.core.registry import Registry
from bifseg.robot.policies.centre_click import CentreClick
from bifseg.robot.policies.centre_line import CentreLine
from bifseg.robot.policies.contour import ContourStrokes
from bifseg.robot.policies.econet import Econet
from bifseg.robot.policies.line import LineStrokes
from bifseg.robot.policies.person import Person, PersonAround
from bifseg.robot.policies.policy import Policy
from bifseg.robot.policies.random_region import RandomRegion

POLICIES: Registry[type[Policy]] = Registry(
    "policy",
    {
        "centre-line/1": CentreLine,
        "line/1": LineStrokes,
        "contour/1": ContourStrokes,
        "random-region/1": RandomRegion,
        "econet/1": Econet,
        "centre-click/1": CentreClick,
        "person/1": Person,
        "person/2": PersonAround,
    },
)
"""The policies by `name/version`."""


def policy(name: str) -> Policy:
    """The policy of a name and version.

    Args:
        name: for example `centre-line/1`.

    Returns:
        The policy with its default numbers.

    Raises:
        InputError: no policy has this name and version.
    """
    return POLICIES[name]()
