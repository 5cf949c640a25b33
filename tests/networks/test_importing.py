"""Networks trained elsewhere are stored completely, and refused if card, weights and cohort do not match."""

import logging
import re
import shutil

import pytest
import torch
from foreign_networks import SETTINGS, SmallUNet

from bifseg.cards.cards import NetworkCard
from bifseg.core.errors import InputError
from bifseg.core.files import check_hash, file_hash, read_json, read_record, write_record
from bifseg.networks.confined_importing import import_confined
from bifseg.networks.importing import import_network
from bifseg.networks.trained import TrainedNetwork
from bifseg.networks.training import train
from bifseg.networks.unchanged import forgetting_check


def weights_of(folder):
    return torch.load(folder / "weights.pt", weights_only=True)["weights"]


def same(a, b):
    return all(torch.equal(a[key], b[key]) for key in a)


def test_external_weights_are_stored_unchanged(discs, discs_network, tmp_path, tiny_card):
    import_network(tiny_card, discs_network / "weights.pt", discs, tmp_path)
    assert same(weights_of(tmp_path), weights_of(discs_network))
    before, after = (TrainedNetwork.load(f / "weights.pt") for f in (discs_network, tmp_path))
    assert (before.input_size, before.normalisation) == (after.input_size, after.normalisation)


def test_the_card_decides_how_external_weights_are_used(discs, discs_network, tmp_path, tiny_card):
    """A size absent from the card comes from the file; fine-tuning settings come from the card."""
    files = [discs_network]
    for change in (
        {"finetuning": {"eps": 0.1, "omega": 5.0, "t0": 0.2}},
        {"finetuning": {"eps": 0.3}, "input_size": 40},
    ):
        card = tiny_card.model_copy(update={"input_size": None, "finetuning": {}} | change)
        import_network(card, files[-1] / "weights.pt", discs, tmp_path / str(len(files)))
        files.append(tmp_path / str(len(files)))
    own, first, second = (TrainedNetwork.load(folder / "weights.pt") for folder in files)
    assert (first.input_size, first.finetuning) == (own.input_size, {"eps": 0.1, "omega": 5.0, "t0": 0.2})
    assert (second.input_size, second.finetuning) == (40, {"eps": 0.3})
    facts = read_json(files[-1] / "card.json")
    assert (facts["input_size"], facts["finetuning"]) == (40, {"eps": 0.3})
    assert "unused_finetuning" not in facts, "omega 5 and t0 0.2 are the defaults; eps is the card's"


@pytest.fixture(scope="module")
def imported(discs, discs_network, tiny_card, tmp_path_factory):
    """A weights file that also stores fine-tuning, the folder of its import with other fine-tuning, and the log."""
    folder, messages = tmp_path_factory.mktemp("imported"), []
    shutil.copytree(discs_network, folder / "old")
    path, record = folder / "old/weights.pt", read_record(folder / "old/card.json")
    content = torch.load(path, weights_only=True)
    content["finetuning"] = {"learning_rate": 0.3, "strength": 1.0, "iterations": 80}
    torch.save(content, path)
    write_record(folder / "old/card.json", record | {"weights_sha256": file_hash(path)})
    card = tiny_card.model_copy(update={"finetuning": {"strength": 2.0}})
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging.getLogger(), "handlers", [handler])
        import_confined(card, path, discs, folder / "new")
    return path, folder / "new", messages


def test_fingerprints_of_the_training_images_come_with_the_weights(imported):
    """Sessions read them to find training images among the test images."""
    _, folder, _ = imported
    check_hash(folder / "content.npz", read_json(folder / "card.json")["content_sha256"], "")


def test_fine_tuning_stored_in_a_weights_file_is_ignored(imported):
    """It was chosen for older defaults; combined with current ones it can remove whole objects."""
    path, folder, messages = imported
    assert TrainedNetwork.load(folder / "weights.pt").finetuning == {"strength": 2.0}
    assert messages == [
        f"{path}: finetuning: learning_rate 0.3 not used, since the card's settings apply; "
        "add them to its `finetuning` to use them"
    ]


OTHER_NETWORKS = {
    "width": ({"settings": {"channels": 8}}, "settings.channels is 4 in the file and 8 on the card"),
    "dilations": (
        {"settings": {"dilations": [1, 2, 3, 4, 5]}},
        "settings.dilations is [1, 2, 4, 8, 16] in the file and [1, 2, 3, 4, 5] on the card",
    ),
    "architecture": (
        {"architecture": "unet", "settings": {}},
        "architecture is pnet in the file and unet on the card",
    ),
    "argument": ({"settings": {"colour": 1}}, "settings.colour: unknown key; correct its name or remove it"),
    "fine-tuning": ({"finetuning": {"epsilon": 1}}, "finetuning.epsilon: "),
}


@pytest.mark.parametrize(("changes", "message"), OTHER_NETWORKS.values(), ids=OTHER_NETWORKS)
def test_weights_that_do_not_fit_the_card_are_refused(
    discs, discs_network, tmp_path, tiny_card, changes, message
):
    if "architecture" not in changes and "settings" in changes:
        changes = {"settings": tiny_card.settings | changes["settings"]}
    with pytest.raises(InputError, match=re.escape(message)):
        import_network(tiny_card.model_copy(update=changes), discs_network / "weights.pt", discs, tmp_path)
    assert not any(tmp_path.iterdir())


def program(folder, name="net.ts", **network):
    """A TorchScript file of a small U-Net."""
    path = folder / name
    torch.jit.save(torch.jit.script(SmallUNet(**network).eval()), path)
    return path


def card_of(**changes):
    settings = SETTINGS | {"dimension": 2} | changes.pop("settings", {})
    return NetworkCard(architecture="torchscript", settings=settings, **changes)


def test_a_foreign_network_is_stored_completely_and_reproducibly(discs, tmp_path):
    path = program(tmp_path)
    card = card_of(input_size=20, finetuning={"learning_rate": 0.1})
    for folder in ("first", "second"):
        import_network(card, path, discs, tmp_path / folder)
    path.unlink()
    assert {p.name for p in (tmp_path / "first").iterdir()} == {"weights.pt", "curve.csv", "card.json"}
    facts = read_json(tmp_path / "first/card.json")
    assert facts["weights_from"] == str(path)
    assert facts["parameters"] == SmallUNet().eval().last.weight.numel() + 2 + sum(
        p.numel() for name, p in SmallUNet().named_parameters() if not name.startswith("last")
    )
    assert facts["weights_sha256"] == read_json(tmp_path / "second/card.json")["weights_sha256"]
    trained = TrainedNetwork.load(tmp_path / "first/weights.pt")
    assert (trained.input_size, trained.finetuning) == (20, {"learning_rate": 0.1})
    forgetting_check("net", trained.answer, discs, 1).write(tmp_path / "forgetting.json")
    check = read_json(tmp_path / "forgetting.json")
    assert check["before"] == check["after"]


def test_a_foreign_network_keeps_its_fixed_shape(discs, tmp_path):
    import_network(
        card_of(settings={"shape": [32, 24], "divisible_by": 1}), program(tmp_path), discs, tmp_path / "out"
    )
    assert TrainedNetwork.load(tmp_path / "out/weights.pt").input_size == (32, 24)


FOREIGN_REFUSED = {
    "dimension": ({"dimension": 3}, {"settings": {"dimension": 3}}, "the network is 3D, cohort discs is 2D"),
    "channels": ({"inputs": 2}, {}, r"net\.ts: it takes 2 input channels"),
    "settings": ({}, {"settings": {"dimension": 5}}, r"settings\.dimension: "),
    "two sizes": (
        {},
        {"settings": {"shape": [8, 8], "divisible_by": 1}, "input_size": 8},
        "input_size: leave it out",
    ),
    "fine-tuning": ({}, {"finetuning": {"iterations": -1}}, r"finetuning\.iterations: "),
}


@pytest.mark.parametrize(("network", "changes", "message"), FOREIGN_REFUSED.values(), ids=FOREIGN_REFUSED)
def test_foreign_network_that_does_not_fit_writes_nothing(discs, tmp_path, network, changes, message):
    path = program(tmp_path, **network)
    with pytest.raises(InputError, match=message):
        import_network(card_of(**changes), path, discs, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_training_a_foreign_network_is_refused(discs, tmp_path):
    with pytest.raises(
        InputError, match="weights: torchscript is trained elsewhere; name its file or folder"
    ):
        train(card_of(), discs, tmp_path, 1, "cpu", lambda *_: None)


@pytest.fixture
def two_channels():
    """Card of a network that takes two channels."""
    settings = SETTINGS | {"dimension": 2}
    return NetworkCard(architecture="torchscript", channels=["t2", "pet"], settings=settings)


def test_a_card_of_another_network_in_the_same_folder_says_nothing(
    discs, discs_network, two_channels, tmp_path
):
    """Its training data would decide what counts as seen."""
    shutil.copytree(discs_network, tmp_path / "networks")
    import_network(two_channels, program(tmp_path / "networks", inputs=2), discs, tmp_path / "out")
    facts = read_json(tmp_path / "out/card.json")
    assert facts["trained_on"] == "unknown"
    assert "content_sha256" not in facts


def test_a_rule_for_a_channel_that_the_network_does_not_take_is_refused(discs, two_channels, tmp_path):
    path = program(tmp_path, inputs=2)

    def card(channel):
        rules = {"channel_normalisation": {channel: {"per_image": "min-max"}}}
        return two_channels.model_copy(update={"settings": two_channels.settings | rules})

    reason = "channel_normalisation: PET is no channel of the network; write one of `channels`: t2, pet"
    with pytest.raises(InputError, match=reason):
        import_network(card("PET"), path, discs, tmp_path / "out")
    import_network(card("pet"), path, discs, tmp_path / "out")
