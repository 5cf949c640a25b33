"""The check detects a method that tunes the network itself instead of a copy."""

import json

import torch

from bifseg.core.files import write_json
from bifseg.networks.trained import TrainedNetwork
from bifseg.networks.unchanged import SAMPLE, UnchangedCheck, forgetting_check, join_checks


def test_an_unchanged_network_has_bit_equal_scores(discs, discs_network, tmp_path):
    trained = TrainedNetwork.load(discs_network / "weights.pt")
    forgetting_check("pnet", trained.answer, discs, 1).write(tmp_path / "part.json")
    assert join_checks([tmp_path / "part.json"], tmp_path / "forgetting-1.json")
    check = json.loads((tmp_path / "forgetting-1.json").read_text())
    assert check["network"] == "pnet"
    assert check["before"] == check["after"]
    chosen = [discs.object(name) for name in check["objects"]]
    assert {row.split for row in chosen} == {"validation"}
    assert 0 < len(chosen) == len(check["after"]) <= SAMPLE
    assert max(check["before"]) > 0.5


def test_a_changed_network_is_detected(discs, discs_network, tmp_path):
    trained = TrainedNetwork.load(discs_network / "weights.pt")
    check = forgetting_check("pnet", trained.answer, discs, 1)
    with torch.no_grad():
        for values in trained.network.classifier.parameters():
            values.neg_()
    check.write(tmp_path / "part.json")
    assert not join_checks([tmp_path / "part.json"], tmp_path / "forgetting-1.json")


def test_one_changed_weight_changes_the_hash(discs_network, tmp_path):
    trained = TrainedNetwork.load(discs_network / "weights.pt")
    checks = [UnchangedCheck("pnet", trained.weights_hash) for _ in range(2)]
    checks[0].write(tmp_path / "part.json")
    assert join_checks([tmp_path / "part.json"], tmp_path / "forgetting-1.json")
    with torch.no_grad():
        next(iter(trained.network.parameters())).view(-1)[0] += 1e-6
    checks[1].write(tmp_path / "part.json")
    assert not join_checks([tmp_path / "part.json"], tmp_path / "forgetting-1.json")


def test_one_changed_process_fails_the_joined_check(tmp_path):
    parts = [tmp_path / f"{name}.json" for name in "abc"]
    for path, after in zip(parts, ([0.5], [0.4], [0.5]), strict=True):
        write_json(path, {"before": [0.5], "after": after})
    assert not join_checks(parts, tmp_path / "whole.json")
    assert json.loads((tmp_path / "whole.json").read_text())["after"] == [0.4]
    assert [path.name for path in tmp_path.iterdir()] == ["whole.json"]


def test_a_check_that_failed_is_reported_and_is_not_a_change(tmp_path):
    parts = [tmp_path / f"{name}.json" for name in "ab"]
    write_json(parts[0], {"before": [0.5], "after": [0.5]})
    write_json(parts[1], {"before": [0.5], "after": [], "error": "it died"})
    assert join_checks(parts, tmp_path / "whole.json")
    assert json.loads((tmp_path / "whole.json").read_text())["error"] == "it died"


def test_a_job_without_sessions_keeps_the_existing_check(tmp_path):
    write_json(tmp_path / "whole.json", {"before": [1], "after": [1]})
    assert join_checks([], tmp_path / "whole.json")
    assert (tmp_path / "whole.json").exists()
