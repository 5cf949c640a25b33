"""A job whose cards were edited while it played does not end as a good one."""

from types import SimpleNamespace

import pytest
import yaml

from bifseg.cards.cards import MethodCard, ProtocolCard
from bifseg.cli.run import check_unchanged
from bifseg.core.errors import InputError


@pytest.mark.parametrize("edited", [None, "method", "protocol"])
def test_cards_edited_during_a_job_are_an_error(tmp_path, edited):
    method, protocol = tmp_path / "geos.yaml", tmp_path / "own.yaml"
    method.write_text(yaml.safe_dump({"method": "geos"}))
    protocol.write_text(yaml.safe_dump({"rounds": 2}))
    setup = SimpleNamespace(card_path=method, card=MethodCard(method="geos"), protocol=ProtocolCard(rounds=2))
    if edited is None:
        check_unchanged(setup, protocol)
        return
    path, text = {"method": (method, {"method": "growcut"}), "protocol": (protocol, {"rounds": 3})}[edited]
    path.write_text(yaml.safe_dump(text))
    with pytest.raises(InputError, match="edited while its sessions were played; start again"):
        check_unchanged(setup, protocol)
