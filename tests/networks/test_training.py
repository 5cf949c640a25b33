"""Training is repeatable and resumable, and uses the training split only."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from storages import STORAGES

from bifseg.cards.cards import NetworkCard
from bifseg.cohorts.cohort import Cohort
from bifseg.core.errors import InputError
from bifseg.core.files import read_json
from bifseg.core.overlap import dice
from bifseg.networks.training import Trainer, normalisation_statistics, train
from bifseg.networks.validation import validation_dice


def weights_of(folder):
    return torch.load(folder / "weights.pt", weights_only=True)["weights"]


def same(a, b):
    return all(torch.equal(a[key], b[key]) for key in a)


def test_training_writes_weights_curve_and_card(discs_network):
    assert {p.name for p in discs_network.iterdir()} == {
        *("weights.pt", "curve.csv", "card.json", "content.npz")
    }
    curve = (discs_network / "curve.csv").read_text().splitlines()
    assert curve[0] == "iteration,train_loss,validation_dice"
    assert [line.split(",")[0] for line in curve[1:]] == ["10", "20", "30"]
    card = read_json(discs_network / "card.json")
    assert card["objects_trained_on"] == 2  # the two discs; the rings are unseen
    assert card["validation_dice"] == pytest.approx(max(float(line.split(",")[2]) for line in curve[1:]))


def test_equal_seeds_give_equal_weights(discs, discs_network, tmp_path, tiny_card):
    train(tiny_card, discs, tmp_path / "again", 1, "cpu", lambda *_: None)
    assert same(weights_of(tmp_path / "again"), weights_of(discs_network))
    train(tiny_card, discs, tmp_path / "other", 2, "cpu", lambda *_: None)
    assert not same(weights_of(tmp_path / "other"), weights_of(discs_network))


def test_batches_made_ahead_by_threads_give_equal_weights(discs, discs_network, tmp_path, tiny_card):
    """As on a GPU; each batch depends on its iteration alone."""
    Trainer(tiny_card, discs, tmp_path, 1, "cpu").run(lambda *_: None, threads=3)
    assert same(weights_of(tmp_path), weights_of(discs_network))
    assert (tmp_path / "curve.csv").read_bytes() == (discs_network / "curve.csv").read_bytes()


class KilledError(Exception):
    pass


def train_to(last, card, cohort, folder, seed=1, code=""):
    """The iterations of a training that is killed at the last one."""
    iterations = []

    def kill(iteration, *_):
        iterations.append(iteration)
        if len(iterations) == last:
            raise KilledError

    with pytest.raises(KilledError):
        train(card, cohort, folder, seed, "cpu", kill, code)
    return iterations


@pytest.fixture(scope="module")
def killed(discs, tiny_card, tmp_path_factory):
    """Folder of a training of seed 1 that was killed at iteration 17, to be read only."""
    folder = tmp_path_factory.mktemp("killed")
    train_to(17, tiny_card, discs, folder)
    return folder


def test_a_resumed_training_gives_the_same_weights(discs, discs_network, killed, tmp_path, tiny_card):
    iterations = []
    shutil.copytree(killed, tmp_path, dirs_exist_ok=True)
    assert not (tmp_path / "weights.pt").exists()
    train(tiny_card, discs, tmp_path, 1, "cpu", lambda iteration, *_: iterations.append(iteration))
    assert iterations[0] == 11  # from the validation at 10
    assert same(weights_of(tmp_path), weights_of(discs_network))


def test_a_flipped_bit_of_a_checkpoint_is_damage(discs, killed, tmp_path, tiny_card, caplog):
    """It lies in a weight, which torch reads without a word."""
    path = shutil.copytree(killed, tmp_path, dirs_exist_ok=True) / "checkpoint.pt"
    weight = next(iter(torch.load(path, weights_only=True)["network"].values())).numpy().tobytes()
    content = bytearray(path.read_bytes())
    content[content.index(weight)] ^= 1
    path.write_bytes(content)
    torch.load(path, weights_only=True)
    assert train_to(1, tiny_card, discs, tmp_path) == [1]
    assert "training begins anew" in caplog.text


def test_a_checkpoint_with_other_content_is_damaged(discs, tmp_path, tiny_card, caplog):
    torch.save({"weights": {}}, tmp_path / "checkpoint.pt")
    assert train_to(1, tiny_card, discs, tmp_path) == [1]
    assert "checkpoint.pt: damaged (KeyError); training begins anew" in caplog.text


def test_a_training_goes_on_with_the_same_objects_in_the_same_splits_only(discs, tiny_card, tmp_path):
    """A patient who moves from training to validation leaves the list of both splits' files as it was."""

    def identity(**changes):
        cohort = Cohort.load(discs.folder)
        rows = (replace(row, **changes) if row.case == "case1" else row for row in cohort.objects)
        cohort.objects = tuple(rows)
        return Trainer(tiny_card, cohort, tmp_path, 1, "cpu")._identity

    assert identity() == identity(group="another")
    assert len({identity(), identity(split="validation"), identity(object="disc1")}) == 3


def test_a_training_goes_on_with_the_same_normalisation_only(discs, tiny_card, tmp_path):
    """The statistics come from all training images, also from those without a seen object."""
    training = tiny_card.training.model_copy(update={"normalisation": "training"})
    card = tiny_card.model_copy(update={"training": training})

    def identity(split):
        cohort = Cohort.load(discs.folder)
        rows = (replace(row, split=split) if row.case == "case3" else row for row in cohort.objects)
        cohort.objects = tuple(row for row in rows if (row.case, row.seen) != ("case3", True))
        return Trainer(card, cohort, tmp_path, 1, "cpu")._identity

    assert identity("train") != identity("test")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_training_restarts_if_its_checkpoint_is_truncated(discs, killed, tmp_path, tiny_card, caplog, share):
    path = shutil.copytree(killed, tmp_path, dirs_exist_ok=True) / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert train_to(1, tiny_card, discs, tmp_path) == [1]
    assert "training begins anew" in caplog.text


def test_a_checkpoint_of_another_training_is_ignored(discs, killed, tmp_path, tiny_card):
    shutil.copytree(killed, tmp_path, dirs_exist_ok=True)
    assert train_to(1, tiny_card, discs, tmp_path, seed=2) == [1]


def test_normalisation_statistics_cover_the_training_images(discs):
    images = {row.case: discs.image(row).voxels for row in discs.select(split="train")}
    values = np.concatenate([v.ravel() for v in images.values()]).astype(float)
    mean, std = normalisation_statistics(discs, "training")["t2"]
    assert (mean, std) == pytest.approx((values.mean(), values.std()), rel=1e-6)


def test_ct_alone_is_normalised_by_the_training_images(discs):
    assert normalisation_statistics(discs, "per-image") == {}
    assert normalisation_statistics(discs, "auto") == {}
    ct = SimpleNamespace(
        objects=[replace(row, modality="CT") for row in discs.objects],
        select=lambda split: [replace(row, modality="CT") for row in discs.select(split=split)],
        image=discs.image,
    )
    assert normalisation_statistics(ct, "auto") == {"CT": normalisation_statistics(discs, "training")["t2"]}


@pytest.mark.parametrize("storage", STORAGES[2])
def test_normalisation_statistics_do_not_depend_on_how_images_are_stored(discs, storage):
    plain, stored = Cohort.load(discs.folder), Cohort.load(discs.folder)

    def image(row, channels=()):
        """Of values that differ by far, so that the order of a sum changes its last digits."""
        one = discs.image(row)
        values = np.random.default_rng(0).lognormal(0, 6, one.voxels.shape)
        return replace(one, voxels=values.astype(np.float32))

    def turned(row, channels=()):
        one = image(row)
        return replace(one, voxels=storage.array(one.voxels), grid=storage.grid(one.grid))

    plain.image, stored.image = image, turned
    assert normalisation_statistics(stored, "training") == normalisation_statistics(plain, "training")


def test_a_training_that_diverges_ends_at_its_next_validation(discs, tiny_card, tmp_path):
    """Its network would be empty, and each further step in vain."""
    changes = {"optimizer": "sgd", "learning_rate": 1e6}
    card = tiny_card.model_copy(update={"training": tiny_card.training.model_copy(update=changes)})
    reason = r"training\.learning_rate: the weights are not finite after iteration 10; lower it \(is 1e\+06\)"
    with pytest.raises(InputError, match=reason):
        train(card, discs, tmp_path, 1, "cpu", lambda *_: None)
    assert not list(tmp_path.iterdir())


def test_crops_without_an_annotated_voxel_count_in_no_loss(discs, tiny_card, tmp_path):
    """A thin object among voxels that nobody annotated: none is left where a crop shrinks."""
    thin = Cohort.load(discs.folder)
    shape = discs.image(discs.objects[0]).voxels.shape
    line = np.zeros(shape, bool)
    line[30, 5:65] = True
    thin.truth = lambda row: line if row.case == "case1" else discs.truth(row)
    thin.ignored = lambda row: ~line if row.case == "case1" else None
    thin.box_margin = 30
    train(tiny_card, thin, tmp_path, 1, "cpu", lambda *_: None)
    losses = [float(line.split(",")[1]) for line in (tmp_path / "curve.csv").read_text().splitlines()[1:]]
    assert np.isfinite(losses).all()


def test_brighter_images_give_the_same_network(discs, discs_network, tmp_path, tiny_card):
    """A scanner that multiplies every intensity by 256 changes nothing."""
    brighter = Cohort.load(discs.folder)
    brighter.image = lambda row, channels=(): replace(discs.image(row), voxels=discs.image(row).voxels * 256)
    train(tiny_card, brighter, tmp_path, 1, "cpu", lambda *_: None)
    assert same(weights_of(tmp_path), weights_of(discs_network))


def test_few_validation_objects_give_a_warning(discs, tmp_path, tiny_card, caplog):
    card = tiny_card.model_copy(update={"training": tiny_card.training.model_copy(update={"iterations": 1})})
    train(card, discs, tmp_path, 1, "cpu", lambda *_: None)
    assert "cohort discs: only 1 seen validation object;" in caplog.text


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
    """A decay near 1 keeps the average near the first weights; a decay of 0 gives the last weights."""
    for decay in (0.0, 0.9):
        training = tiny_card.training.model_copy(update={"average": decay})
        card = tiny_card.model_copy(update={"training": training})
        train(card, discs, tmp_path / str(decay), 1, "cpu", lambda *_: None)
    assert same(weights_of(tmp_path / "0.0"), weights_of(discs_network))
    assert not same(weights_of(tmp_path / "0.9"), weights_of(discs_network))


def test_training_restarts_if_its_code_changed(discs, tmp_path, tiny_card):
    train_to(17, tiny_card, discs, tmp_path, code="before")
    assert train_to(1, tiny_card, discs, tmp_path, code="after") == [1]


def test_killed_training_resumes_its_average(discs, tmp_path, tiny_card):
    card = tiny_card.model_copy(update={"training": tiny_card.training.model_copy(update={"average": 0.9})})
    train(card, discs, tmp_path / "whole", 1, "cpu", lambda *_: None)
    train_to(17, card, discs, tmp_path / "killed")
    train(card, discs, tmp_path / "killed", 1, "cpu", lambda *_: None)
    assert same(weights_of(tmp_path / "killed"), weights_of(tmp_path / "whole"))
