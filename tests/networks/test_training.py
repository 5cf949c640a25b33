"""Training: repeatable, resumable, and only from what may be seen."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bifseg.cards.cards import NetworkCard
from bifseg.cohorts.cohort import Cohort
from bifseg.core.errors import InputError
from bifseg.core.files import read_json
from bifseg.core.overlap import dice
from bifseg.networks.training import normalisation_statistics, train
from bifseg.networks.validation import validation_dice


def weights_of(folder):
    return torch.load(folder / "weights.pt", weights_only=True)["weights"]


def same(a, b):
    return all(torch.equal(a[key], b[key]) for key in a)


def test_training_leaves_weights_curve_and_card(discs_network):
    assert {p.name for p in discs_network.iterdir()} == {
        *("weights.pt", "curve.csv", "card.json", "content.npz")
    }
    curve = (discs_network / "curve.csv").read_text().splitlines()
    assert curve[0] == "iteration,train_loss,validation_dice"
    assert [line.split(",")[0] for line in curve[1:]] == ["10", "20", "30"]
    card = read_json(discs_network / "card.json")
    assert card["objects_trained_on"] == 2  # the two discs; the rings are unseen
    assert card["validation_dice"] == pytest.approx(max(float(line.split(",")[2]) for line in curve[1:]))


def test_same_seed_same_weights(discs, discs_network, tmp_path, tiny_card):
    train(tiny_card, discs, tmp_path / "again", 1, "cpu", lambda *_: None)
    assert same(weights_of(tmp_path / "again"), weights_of(discs_network))
    train(tiny_card, discs, tmp_path / "other", 2, "cpu", lambda *_: None)
    assert not same(weights_of(tmp_path / "other"), weights_of(discs_network))


class Killed(Exception):
    pass


def test_killed_training_goes_on_to_the_same_weights(discs, discs_network, tmp_path, tiny_card):
    seen = []

    def kill_at_17(done, total, note):
        seen.append(done)
        if done == 17:
            raise Killed

    with pytest.raises(Killed):
        train(tiny_card, discs, tmp_path, 1, "cpu", kill_at_17)
    assert not (tmp_path / "weights.pt").exists()
    train(tiny_card, discs, tmp_path, 1, "cpu", lambda done, *_: seen.append(done))
    assert seen[17] == 11  # from the validation at 10
    assert same(weights_of(tmp_path), weights_of(discs_network))


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_training_begins_anew_where_its_checkpoint_was_cut_off(discs, tmp_path, tiny_card, caplog, share):
    def kill_at_17(done, total, note):
        if done == 17:
            raise Killed

    with pytest.raises(Killed):
        train(tiny_card, discs, tmp_path, 1, "cpu", kill_at_17)
    path, done = tmp_path / "checkpoint.pt", []
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    train(tiny_card, discs, tmp_path, 1, "cpu", lambda k, *_: done.append(k))
    assert done[0] == 1
    assert "training begins anew" in caplog.text


def test_checkpoint_of_another_training_is_not_taken_up(discs, tmp_path, tiny_card):
    def kill_at_17(done, total, note):
        if done == 17:
            raise Killed

    with pytest.raises(Killed):
        train(tiny_card, discs, tmp_path, 1, "cpu", kill_at_17)
    done = []
    train(tiny_card, discs, tmp_path, 2, "cpu", lambda k, *_: done.append(k))
    assert done[0] == 1


def test_statistics_are_over_the_training_images(discs):
    images = {row.case: discs.image(row).voxels for row in discs.select(split="train")}
    values = np.concatenate([v.ravel() for v in images.values()]).astype(float)
    mean, std = normalisation_statistics(discs, "training")["t2"]
    assert (mean, std) == pytest.approx((values.mean(), values.std()), rel=1e-6)


def test_each_image_is_normalised_by_itself_but_ct_by_the_training_images(discs):
    assert normalisation_statistics(discs, "per-image") == {}
    assert normalisation_statistics(discs, "auto") == {}
    ct = SimpleNamespace(
        objects=[replace(row, modality="CT") for row in discs.objects],
        select=lambda split: [replace(row, modality="CT") for row in discs.select(split=split)],
        image=discs.image,
    )
    assert normalisation_statistics(ct, "auto") == {"CT": normalisation_statistics(discs, "training")["t2"]}


def test_brighter_images_give_the_same_network(discs, discs_network, tmp_path, tiny_card):
    """A scanner that multiplies every intensity by 256 changes nothing."""
    brighter = Cohort.load(discs.folder)
    brighter.image = lambda row, channels=(): replace(discs.image(row), voxels=discs.image(row).voxels * 256)
    train(tiny_card, brighter, tmp_path, 1, "cpu", lambda *_: None)
    assert same(weights_of(tmp_path), weights_of(discs_network))


def test_few_validation_objects_are_warned_of(discs, tmp_path, tiny_card, caplog):
    card = tiny_card.model_copy(update={"training": tiny_card.training.model_copy(update={"iterations": 1})})
    train(card, discs, tmp_path, 1, "cpu", lambda *_: None)
    assert "cohort discs: only 1 seen validation object(s)" in caplog.text


def test_validation_is_the_mean_over_several_boxes(discs):
    rows = discs.select(split="validation", seen=True)
    boxes = []

    def answer(image, box):
        boxes.append(box)
        return box.paste(np.ones(box.shape, bool), image.grid.shape)

    three = validation_dice(answer, discs, rows, 1, boxes=3)
    assert len(set(boxes)) == 3
    truth = discs.truth(rows[0])
    each = [dice(answer(discs.image(rows[0]), box), truth) for box in boxes[:3]]
    assert three == [pytest.approx(np.mean(each))]


def test_wrong_dimension_is_refused(discs, tmp_path):
    with pytest.raises(InputError, match="architecture: pcnet is 3D, cohort discs is 2D"):
        train(NetworkCard(architecture="pcnet"), discs, tmp_path, 1, "cpu", lambda *_: None)


def test_the_average_of_the_weights_is_validated_and_stored(discs, discs_network, tmp_path, tiny_card):
    """A decay near 1 keeps the average near the first weights; one of 0 is the last weights, as without."""
    for decay in (0.0, 0.9):
        training = tiny_card.training.model_copy(update={"average": decay})
        card = tiny_card.model_copy(update={"training": training})
        train(card, discs, tmp_path / str(decay), 1, "cpu", lambda *_: None)
    assert same(weights_of(tmp_path / "0.0"), weights_of(discs_network))
    assert not same(weights_of(tmp_path / "0.9"), weights_of(discs_network))


def test_training_that_other_code_began_starts_anew(discs, tmp_path, tiny_card):
    seen = []

    def kill_at_17(done, *_):
        if done == 17:
            raise Killed

    with pytest.raises(Killed):
        train(tiny_card, discs, tmp_path, 1, "cpu", kill_at_17, code="before")
    train(tiny_card, discs, tmp_path, 1, "cpu", lambda done, *_: seen.append(done), code="after")
    assert seen[0] == 1


def test_killed_training_resumes_its_average(discs, tmp_path, tiny_card):
    card = tiny_card.model_copy(update={"training": tiny_card.training.model_copy(update={"average": 0.9})})

    def kill_at_17(done, *_):
        if done == 17:
            raise Killed

    train(card, discs, tmp_path / "whole", 1, "cpu", lambda *_: None)
    with pytest.raises(Killed):
        train(card, discs, tmp_path / "killed", 1, "cpu", kill_at_17)
    train(card, discs, tmp_path / "killed", 1, "cpu", lambda *_: None)
    assert same(weights_of(tmp_path / "killed"), weights_of(tmp_path / "whole"))
