"""A method that tunes the network itself, and not a copy, is found out."""

import json

import torch

from bifseg.forgetting import SAMPLE, ForgettingCheck
from bifseg.networks.trained import TrainedNetwork


def test_untouched_network_scores_the_same_to_the_bit(discs, discs_network, tmp_path):
    trained = TrainedNetwork.load(discs_network / "weights.pt")
    check = ForgettingCheck("pnet", trained, discs, 1)
    assert check.write(tmp_path / "forgetting-1.json")
    found = json.loads((tmp_path / "forgetting-1.json").read_text())
    assert found["network"] == "pnet"
    assert found["before"] == found["after"]
    chosen = [discs.object(name) for name in found["objects"]]
    assert {row.split for row in chosen} == {"validation"}
    assert 0 < len(chosen) == len(found["after"]) <= SAMPLE
    assert max(found["before"]) > 0.5


def test_changed_network_is_found_out(discs, discs_network, tmp_path):
    trained = TrainedNetwork.load(discs_network / "weights.pt")
    check = ForgettingCheck("pnet", trained, discs, 1)
    with torch.no_grad():
        for values in trained.network.classifier.parameters():
            values.neg_()
    assert not check.write(tmp_path / "forgetting-1.json")
