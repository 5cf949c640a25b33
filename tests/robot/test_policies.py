import pytest

from bifseg.cards import ProtocolCard
from bifseg.errors import BadInput
from bifseg.robot.policies import POLICIES, policy


def test_a_policy_is_found_by_the_name_that_it_bears():
    for name in POLICIES:
        found = policy(name)
        assert f"{found.name}/{found.version}" == name


def test_the_default_protocol_names_a_known_policy():
    assert ProtocolCard().policy in POLICIES


@pytest.mark.parametrize("name", ["centre-line", "centre-line/2", "Centre-line/1", ""])
def test_an_unknown_policy_lists_the_known(name):
    with pytest.raises(BadInput, match=f"unknown policy '{name}'; known are centre-line/1"):
        policy(name)
