"""Base networks on several channels: their inputs, their training, and cases that lack a channel."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from disc_cases import HEADER, make_case, make_flair
from foreign_networks import SETTINGS, SmallUNet
from torch import nn

from bifseg.cards.cards import (
    CohortCard,
    MethodCard,
    NetworkCard,
    ProtocolCard,
)
from bifseg.cards.training import AugmentationCard, TrainingCard
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.preparation import prepare
from bifseg.core.errors import InputError
from bifseg.core.files import read_json
from bifseg.core.geometry import Box, Grid, Image
from bifseg.networks.importing import import_network
from bifseg.networks.registry import ARCHITECTURES, build
from bifseg.networks.samples import Sampler
from bifseg.networks.trained import TrainedNetwork
from bifseg.networks.training import normalisation_statistics, train
from bifseg.runs.exposure import exposures
from bifseg.runs.job_setup import JobSetup
from bifseg.runs.shards import load_sessions, run_shard

SMALL = {
    "pnet": {"channels": 4},
    "fcn": {"channels": 2, "fc": 8},
    "unet": {"channels": 2},
    "pcnet": {"channels": 4, "head": "1x1x1"},
    "deepmedic": {"widths": [3, 3, 4, 4, 4, 4, 5, 5], "hidden": 6},
    "highres3dnet": {"widths": [4, 6, 8], "hidden": 6},
}
SPLITS = ("train", "train", "validation", "test", "test")
WITHOUT = ("case1", "case4")
BOX = Box((1, 2), (17, 18))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Five cases on t2; `case1` (training) and `case4` (test) have no FLAIR."""
    folder, rows = tmp_path_factory.mktemp("two"), []
    for k, split in enumerate(SPLITS):
        lines = make_case(folder / "data", f"case{k}", split)
        cell = "" if f"case{k}" in WITHOUT else make_flair(folder / "data", f"case{k}")
        rows += [line.rstrip("\n") + f"\t{cell}\n" for line in lines]
    (folder / "data/manifest.tsv").write_text(HEADER.rstrip("\n") + "\tchannels\n" + "".join(rows))
    (folder / "data/two.yaml").touch()
    card = CohortCard(
        dimension=2,
        manifest="manifest.tsv",
        seen=["disc"],
        unseen=["ring"],
        box_margin=5,
        channels=["t2", "flair"],
    )
    prepare(card, folder / "data/two.yaml", 1, folder / "cohort", {})
    return Cohort.load(folder / "cohort")


@pytest.fixture(scope="module")
def two(tiny_card):
    return tiny_card.model_copy(update={"channels": ["t2", "flair"]})


@pytest.fixture(scope="module")
def network(cohort, two, tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks") / "pnet-two"
    train(two, cohort, folder, 1, "cpu", lambda *_: None)
    return folder


def pair(seed=0, shape=(20, 20)):
    """An image with two channels of different units."""
    rng = np.random.default_rng(seed)
    first, second = (rng.normal(mean, std, shape).astype(np.float32) for mean, std in ((100, 9), (3, 0.2)))
    return Image(first, Grid.plain(shape), "t2", {"flair": second})


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_channel_of_weight_zero_changes_nothing(name):
    """By hand: w1 * x1 + 0 * x2 is the network of one channel, whose weights are those of channel 1."""
    one = build(NetworkCard(architecture=name, settings=SMALL[name])).eval()
    both = build(NetworkCard(architecture=name, settings=SMALL[name], channels=["a", "b"])).eval()
    weights = {}
    for key, of_two in both.state_dict().items():
        of_one = one.state_dict()[key]
        if of_two.shape == of_one.shape:
            weights[key] = of_one
        else:
            assert of_two.shape == (of_one.shape[0], 2, *of_one.shape[2:])
            weights[key] = torch.cat([of_one, torch.zeros_like(of_one)], 1)
    both.load_state_dict(weights)
    images = torch.randn(1, 2, *(20, 23) if one.dimension == 2 else (9, 12, 13))
    torch.testing.assert_close(both(images), one(images[:, :1]), rtol=1e-5, atol=1e-5)
    assert (
        sum(
            a.shape != b.shape
            for a, b in zip(both.state_dict().values(), one.state_dict().values(), strict=True)
        )
        <= 2
    )
    for layer in both.features.modules():
        if isinstance(layer, (nn.Conv2d, nn.Conv3d)) and layer.in_channels == 2:
            nn.init.normal_(layer.weight)
    assert not torch.allclose(both(images), one(images[:, :1]))


def test_each_channel_is_normalised_by_itself():
    image = pair()
    own = {
        name: (float(v.mean(dtype=float)), float(v.std(dtype=float))) for name, v in image.channels.items()
    }
    card = NetworkCard(architecture="pnet", settings=SMALL["pnet"], channels=["flair", "t2"])
    trained = TrainedNetwork(build(card).eval(), 16, {}, torch.device("cpu"), {}, ("flair", "t2"))
    given = []
    trained.network.features.register_forward_pre_hook(lambda _, values: given.append(values[0]))
    trained.features(trained.crop(image, BOX))
    inside = {name: image.channels[name][BOX.slices] for name in own}
    expected = np.stack([(inside[name] - own[name][0]) / own[name][1] for name in ("flair", "t2")])
    np.testing.assert_allclose(given[0][0], expected, rtol=1e-3, atol=1e-4)
    known = dataclasses.replace(trained, normalisation={"flair": (0.0, 2.0)})
    known.features(known.crop(image, BOX))
    np.testing.assert_allclose(given[1][0, 0], inside["flair"] / 2, rtol=1e-5)
    torch.testing.assert_close(given[1][0, 1], given[0][0, 1])


def test_statistics_of_the_training_images_by_channel(cohort):
    statistics = normalisation_statistics(cohort, "training", ["t2", "flair"])
    rows = {row.case: row for row in cohort.select(split="train")}
    for name, cases in (("t2", ["case0", "case1"]), ("flair", ["case0"])):
        values = np.stack([cohort.image(rows[case], (name,)).channels[name] for case in cases]).astype(float)
        assert statistics[name] == pytest.approx((values.mean(), values.std()))
    assert list(normalisation_statistics(cohort, "training")) == ["t2"]


def test_samples_turn_all_channels_alike_and_change_each_by_itself(cohort, two):
    row = cohort.select(split="train", seen=True)[0]
    trained = TrainedNetwork(build(two).eval(), 20, {}, torch.device("cpu"), {}, ("t2", "flair"))
    sampler = Sampler(trained, cohort, [row], TrainingCard(flip=True))
    values, target = sampler.batch(np.random.default_rng(0))
    assert values.shape == (1, 2, *target.shape[1:])
    plain = [sampler.batch(np.random.default_rng(seed)) for seed in range(12)]
    for values, target in plain:
        for channel in values[0]:  # both are brighter in the disc
            assert channel[target[0] == 1].mean() > channel[target[0] == 0].mean() + 1
    changed = Sampler(
        trained,
        cohort,
        [row],
        TrainingCard(augmentation=AugmentationCard(invert=0.5, scale=0, contrast=0, field=0)),
    )
    signs = set()
    for seed in range(30):
        values, target = changed.batch(np.random.default_rng(seed))
        signs.add(tuple(bool(c[target[0] == 1].mean() > c[target[0] == 0].mean()) for c in values[0]))
    assert len(signs) == 4, "each channel is inverted by a draw of its own"


def test_the_own_channel_by_name_is_the_network_of_today(discs, discs_network, tiny_card, tmp_path):
    card = tiny_card.model_copy(update={"channels": ["t2"]})
    train(card, discs, tmp_path / "named", 1, "cpu", lambda *_: None)
    contents = [torch.load(f / "weights.pt", weights_only=True) for f in (discs_network, tmp_path / "named")]
    assert [content.pop("channels", []) for content in contents] == [[], ["t2"]]
    before, after = (content.pop("weights") for content in contents)
    assert contents[0] == contents[1]
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_training_leaves_out_a_case_without_the_channel_and_says_so(cohort, network):
    record = read_json(network / "card.json")
    assert record["card"]["channels"] == ["t2", "flair"]
    assert record["left_out"] == {"case1_disc_1": "no channel flair"}
    assert record["objects_trained_on"] == 1
    assert record["trained_on"]["patients"] == ["case0", "case2"]
    exposure = exposures(cohort, MethodCard(method="bifseg"), network)
    assert exposure["case0_disc_1"] == "seen patient"
    assert exposure["case1_disc_1"] == "seen structure"


def test_the_weights_file_knows_its_channels(network, two):
    trained = TrainedNetwork.load(network / "weights.pt")
    assert trained.channels == ("t2", "flair")
    image = pair()
    swapped = Image(image.others["flair"], image.grid, "flair", {"t2": image.voxels})
    features = [trained.features(trained.crop(one, BOX)) for one in (image, swapped)]
    assert torch.equal(*features), "the order is the network's, whichever channel is the structure's own"
    with pytest.raises(InputError, match=r"no channel 'flair'; it has t2"):
        trained.features(trained.crop(Image(image.voxels, image.grid, "t2"), BOX))


def test_sessions_of_a_network_on_two_channels(cohort, network, tmp_path):
    """Fine-tuning, too; a case that lacks a channel is left out with its reason."""
    plays = {"dimensions": [2], "network": True}
    card = MethodCard(method="bifseg", plays=plays)
    rules = ProtocolCard(rounds=1, target=None)
    setup = JobSetup("r", 1, cohort, "p", rules, tmp_path / "bifseg.yaml", card, network)
    test = cohort.select(split="test")
    trials = setup.trials(test)
    assert {trial.object for trial in trials} == {"case3_disc_1", "case3_ring_1"}
    assert setup.left_out["case4_disc_1"] == "no channel flair"
    assert run_shard(setup, trials, tmp_path / "out") == {"ok": 2}
    assert json.loads((tmp_path / "out/left-out.json").read_text())["case4_ring_1"] == "no channel flair"
    row, session = next(iter(load_sessions(tmp_path / "out", test)))
    assert [step.name for step in session.steps][:2] == ["initial", "unsupervised"]
    trained = TrainedNetwork.load(network / "weights.pt")
    expected = trained.answer(cohort.image(row, ("t2", "flair")), session.box)
    np.testing.assert_array_equal(session.steps[0].mask, expected[session.box.slices])
    assert "channel-flair" in cohort.hashes(row, setup.channels), "another FLAIR is another session"


def test_training_needs_a_case_with_all_channels(cohort, two, discs, tmp_path):
    with pytest.raises(InputError, match="no seen object in 'train' has all of t2, flair"):
        train(two, discs, tmp_path, 1, "cpu", lambda *_: None)


def test_a_card_names_its_channels_once_and_never_its_inputs():
    with pytest.raises(ValueError, match="names a channel twice"):
        NetworkCard(architecture="pnet", channels=["t2", "t2"])
    with pytest.raises(InputError, match=r"settings\.inputs: remove it"):
        build(NetworkCard(architecture="pnet", settings={"inputs": 2}))


def test_weights_of_other_channels_are_refused(cohort, network, two, tmp_path):
    import_network(two, network / "weights.pt", cohort, tmp_path / "again")
    assert TrainedNetwork.load(tmp_path / "again/weights.pt").channels == ("t2", "flair")
    for channels in (["flair", "t2"], []):
        card = two.model_copy(update={"channels": channels})
        with pytest.raises(InputError, match=r"channels is \['t2', 'flair'\] in the file and"):
            import_network(card, network / "weights.pt", cohort, tmp_path)


def test_an_external_network_on_two_channels(cohort, tmp_path):
    torch.jit.save(torch.jit.script(SmallUNet(inputs=2).eval()), tmp_path / "net.ts")
    settings = SETTINGS | {"dimension": 2, "channel_normalisation": {"flair": {"low": 0.0, "high": 2.0}}}
    card = NetworkCard(
        architecture="torchscript",
        settings=settings,
        channels=["t2", "flair"],
        input_size=16,
        weights="net.ts",
    )
    import_network(card, tmp_path / "net.ts", cohort, tmp_path / "out")
    trained = TrainedNetwork.load(tmp_path / "out/weights.pt")
    image = pair()
    assert trained.answer(image, BOX).shape == image.voxels.shape
    flair = trained.normalised(image.others["flair"], image.channel("flair"))
    np.testing.assert_array_equal(flair, (image.others["flair"] / 2).clip(0, 1))
    for channels, given in ((["t2"], 1), (["t2", "flair", "t1c"], 3), ([], 1)):
        with pytest.raises(
            InputError, match=f"takes 2 input channels; the card's `channels` give it {given}"
        ):
            import_network(
                card.model_copy(update={"channels": channels}), tmp_path / "net.ts", cohort, tmp_path / "no"
            )
