"""Compare settings of base + CRF and BIFSeg on objects of held-out patients, with one round of shared scribbles.

    python benchmarks/choose_finetuning.py settings.yaml COHORT=NETWORK ... > table.csv
    python benchmarks/choose_finetuning.py settings.yaml COHORT=NETWORK ... --sizes 48 96 --every 3 > sizes.csv

COHORT is a folder that `bifseg cohort prepare` wrote, NETWORK one that `bifseg train` wrote for its split `train`
(for example with `real_folds.py`). Sessions are on the objects of the split `test`. `settings.yaml` maps a name to a
method (`base-net`, `base-crf` or `bifseg`) and its settings: `fewer steps: {method: bifseg, settings: {iterations:
20}}`. Features are computed once per object, so that a setting costs only its updates. The table has a row for each
object and setting, with the initial Dice, and Dice without and with scribbles. Choose by the rows of seen structures:
average over the objects of a patient, then over patients, structures and cohorts.

`--sizes` tests whether settings hold at other sizes of the crop: label and network update work on crops of those
sizes. The network still gets the crop at the size that it was trained at, and its features are interpolated.
"""

import argparse
import csv
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
import yaml
from torch.nn.functional import interpolate

from bifseg.cards.cards import MethodCard, ProtocolCard
from bifseg.cohorts.cohort import Cohort
from bifseg.core.overlap import dice
from bifseg.core.scribbles import Scribbles
from bifseg.methods.registry import build
from bifseg.networks.crops import Crop
from bifseg.networks.trained import TrainedNetwork
from bifseg.sessions.record import Identity, Step
from bifseg.sessions.users import SimulatedUser, View

PROTOCOL = ProtocolCard(rounds=1, strokes_per_label=3, target=None, scribbles_on="initial")


@dataclass(frozen=True)
class OneCrop(TrainedNetwork):
    """A network that computes the features of one crop once and returns them at another size."""

    size: int = 0
    memory: dict = field(default_factory=dict)

    def crop(self, image, box):
        """The crop of the first call."""
        if "crop" not in self.memory:
            self.memory["crop"] = Crop(image, box, self.size, self.network.thickest_first)
        return self.memory["crop"]

    def features(self, crop):
        """The features of the first call."""
        if "features" not in self.memory:
            own = super().crop(crop.image, crop.box)
            features = super().features(own)
            if own.shape != crop.shape:
                mode = "bilinear" if len(crop.shape) == 2 else "trilinear"
                features = interpolate(features, crop.shape, mode=mode)
            self.memory["features"] = features
        return self.memory["features"]


def results(card, network, image, truth, box, scribbles):
    """Initial Dice, and Dice without and with scribbles; a missing step has the Dice of the step before."""
    method = build(card, network)
    steps = [method.start(image, box)]
    adapts = hasattr(method, "adapt")
    steps.append(method.adapt() if adapts else steps[0])
    steps.append(method.refine(scribbles) if adapts else steps[0])
    return [round(dice(step, truth), 4) for step in steps]


def options():
    """The arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("settings", type=Path)
    parser.add_argument("folds", nargs="+", metavar="COHORT=NETWORK")
    parser.add_argument(
        "--sizes", nargs="*", type=int, help="sizes of the crop; default: the size of the network"
    )
    parser.add_argument("--every", type=int, default=1, help="use only every N-th object")
    return parser.parse_args()


def main():
    """Write the table to the standard output."""
    torch.set_num_threads(1)
    arguments = options()
    content = yaml.safe_load(arguments.settings.read_text())
    cards = {name: MethodCard(**card) for name, card in content.items()}
    table = csv.writer(sys.stdout, lineterminator="\n")
    header = "cohort patient structure seen object size setting initial unsupervised supervised"
    table.writerow(header.split())
    for fold in arguments.folds:
        cohort_folder, _, network_folder = fold.partition("=")
        cohort = Cohort.load(Path(cohort_folder))
        loaded = TrainedNetwork.load(Path(network_folder) / "weights.pt")
        # Only the settings of the table count, not those stored with the network.
        trained = replace(loaded, finetuning={})
        for row in cohort.select(split="test")[:: arguments.every]:
            for size in arguments.sizes or [trained.input_size]:
                # Results at one size are not those of another.
                fields = {name: value for name, value in vars(trained).items() if name != "computed"}
                network = OneCrop(**fields, size=size)
                for name, dices in play(cards, cohort, row, network):
                    key = [cohort.name, row.group, row.structure, row.seen, row.object, size, name]
                    table.writerow([*key, *dices])
        sys.stdout.flush()


def play(cards, cohort, row, network):
    """The name of each setting with its results on an object, all with the same box and scribbles."""
    image, truth = cohort.image(row), cohort.truth(row)
    user = robot(cohort, row, image, truth)
    box = user.box()
    base = build(MethodCard(method="base-net"), network).start(image, box)
    scribbles = round_of_scribbles(user, box, base)
    return [(name, results(card, network, image, truth, box, scribbles)) for name, card in cards.items()]


def robot(cohort, row, image, truth):
    """The robot user of an object, with the seed of the shipped runs."""
    who = Identity(cohort=cohort.name, case=row.case, structure=row.structure, object=row.object)
    return SimulatedUser(image, truth, PROTOCOL, cohort.box_margin, 2018, seed_key=who.seed_key)


def round_of_scribbles(user, box, result):
    """The scribbles of one round on a result."""
    none = Scribbles(result.shape)
    view = View(1, box, [Step("initial", (), result[box.slices], {})], none, opening=False)
    return none.add(user.next_strokes(view))


if __name__ == "__main__":
    main()
