"""Networks of other programs are code: they are read, built and tried where they can do no harm."""

import pickle
import sys
from pathlib import Path

import pytest
import torch
from foreign_networks import SETTINGS, SmallUNet

from bifseg.cards.cards import NetworkCard
from bifseg.core.errors import InputError
from bifseg.core.files import read_json
from bifseg.core.landlock import landlock_version
from bifseg.networks.confined_importing import import_confined
from bifseg.networks.trained import TrainedNetwork

CARD = NetworkCard(architecture="torchscript", settings=SETTINGS | {"dimension": 2})


class Opening(torch.nn.Module):
    """A network that opens a file as it runs, and may write zeros into it."""

    def __init__(self, victim: str, writes: bool):
        super().__init__()
        self.unet, self.victim, self.writes = SmallUNet(), victim, writes

    def forward(self, x):
        opened = torch.from_file(self.victim, self.writes, 4, dtype=torch.uint8)
        if self.writes:
            opened.fill_(0)
        return self.unet(x + 0 * opened.sum())


@pytest.mark.skipif(landlock_version() == 0, reason="this kernel has no Landlock")
def test_a_program_that_writes_files_is_refused_and_writes_nothing(discs, tmp_path):
    victim, path = tmp_path / "victim", tmp_path / "net.ts"
    victim.write_text("as it was")
    torch.jit.save(torch.jit.script(Opening(str(victim), writes=True).eval()), path)
    victim.write_text("as it was")
    with pytest.raises(InputError, match="it does not run"):
        import_confined(CARD, path, discs, tmp_path / "out")
    assert victim.read_text() == "as it was"


@pytest.mark.skipif(landlock_version() == 0, reason="this kernel has no Landlock")
def test_a_program_that_reads_what_was_derived_from_a_truth_is_refused(discs, tmp_path):
    """Sessions of any run hold masks and strokes that were drawn from truths."""
    victim, path = tmp_path / "run/shard-0.zip", tmp_path / "net.ts"
    victim.parent.mkdir()
    victim.write_text("strokes")
    torch.jit.save(torch.jit.script(Opening(str(victim), writes=False).eval()), path)
    with pytest.raises(InputError, match="it does not run"):
        import_confined(CARD, path, discs, tmp_path / "out", {victim.parent})


def test_a_folder_of_weights_that_holds_a_truth_is_refused(discs, tmp_path):
    card = CARD.model_copy(update={"architecture": "monai-bundle"})
    with pytest.raises(
        InputError, match="which no network may read; move the network to a folder of its own"
    ):
        import_confined(card, discs.folder.parent, discs, tmp_path / "out")


def test_images_beside_python_are_refused_before_the_import(discs, tmp_path):
    path = tmp_path / "net.ts"
    path.touch()
    with pytest.raises(InputError, match="keep images and results in folders of their own, apart from code"):
        import_confined(CARD, path, discs, tmp_path / "out", {Path(sys.prefix)})


@pytest.mark.parametrize("kind", ["torchscript", "pnet"])
def test_a_flipped_bit_in_a_file_of_weights_is_refused(discs, discs_network, tiny_card, tmp_path, kind):
    """It lies in a weight, which torch reads without a word; the file has no card.json that knows its hash."""
    path = tmp_path / "weights.pt"
    if kind == "torchscript":
        network = SmallUNet().eval()
        torch.jit.save(torch.jit.script(network), path)
        card, weight = CARD, network.low.weight
    else:
        path.write_bytes((discs_network / "weights.pt").read_bytes())
        card, weight = tiny_card, torch.load(path, weights_only=True)["weights"]["features.blocks.1.0.weight"]
    content = bytearray(path.read_bytes())
    content[content.index(weight.detach().numpy().tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"weights\.pt: damaged \(.*\); copy it again"):
        import_confined(card, path, discs, tmp_path / "out")


def test_a_program_that_takes_all_memory_is_refused(discs, tmp_path):
    """A small file; on a machine with enough memory it would be given 8 GiB."""

    class Program(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.unet = SmallUNet()

        def forward(self, x):
            return self.unet(x + 0 * torch.ones([2147483648], dtype=torch.float32).sum())

    path = tmp_path / "net.ts"
    torch.jit.save(torch.jit.script(Program().eval()), path)
    with pytest.raises(InputError, match=r"net\.ts: .*allocate") as caught:
        import_confined(CARD, path, discs, tmp_path / "out")
    assert len(str(caught.value)) <= 300


def test_a_harmless_program_is_accepted(discs, tmp_path):
    path = tmp_path / "net.ts"
    torch.jit.save(torch.jit.script(SmallUNet().eval()), path)
    import_confined(CARD, path, discs, tmp_path / "out")
    assert read_json(tmp_path / "out/card.json")["weights_from"] == str(path)
    assert TrainedNetwork.load(tmp_path / "out/weights.pt").network.dimension == 2


class Harm:
    def __reduce__(self):
        return print, ("harm",)


def test_torch_s_unsafe_advice_is_not_passed_on(discs, tiny_card, tmp_path):
    path = tmp_path / "weights.pt"
    torch.save({"architecture": Harm()}, path, pickle_module=pickle)
    with pytest.raises(InputError) as direct:
        TrainedNetwork.load(path)
    with pytest.raises(InputError) as confined:
        import_confined(tiny_card, path, discs, tmp_path / "out")
    for raised in (direct, confined):
        assert "weights_only" not in str(raised.value)
        assert "it holds more than tensors" in str(raised.value)


def test_changed_weights_are_refused_at_every_load(discs_network, tmp_path):
    for name in ("weights.pt", "card.json"):
        (tmp_path / name).write_bytes((discs_network / name).read_bytes())
    TrainedNetwork.load(tmp_path / "weights.pt")
    content = torch.load(tmp_path / "weights.pt", weights_only=True)
    content["weights"] = {key: value * 2 for key, value in content["weights"].items()}
    torch.save(content, tmp_path / "weights.pt")
    with pytest.raises(InputError, match="changed since it was written; train it again"):
        TrainedNetwork.load(tmp_path / "weights.pt")
