"""Compare settings of base + CRF and BIFSeg on objects of held-out patients, with one round of shared scribbles.

    python benchmarks/choose_finetuning.py settings.yaml COHORT=NETWORK ... > table.csv

COHORT is a folder of `bifseg cohort prepare`, NETWORK one of `bifseg train` on its split `train` (for example by
`real_folds.py`). The objects of the split `test` are played. `settings.yaml` maps a name to a method (`base-net`,
`base-crf` or `bifseg`) and its settings: `fewer steps: {method: bifseg, settings: {iterations: 20}}`. Features are
computed once an object, so that a setting costs only its updates. A row of the table is an object and a setting, with
Dice initially, without and with scribbles. Choose by the rows of seen structures: mean over a patient's objects, over
patients, over structures, over cohorts.
"""

import csv
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
import yaml

from bifseg.cards.cards import MethodCard, ProtocolCard
from bifseg.cohorts.cohort import Cohort
from bifseg.core.overlap import dice
from bifseg.core.scribbles import Scribbles
from bifseg.methods.registry import build
from bifseg.networks.trained import TrainedNetwork
from bifseg.sessions.record import Identity
from bifseg.sessions.users import SimulatedUser

PROTOCOL = ProtocolCard(rounds=1, strokes_per_label=3, target=None, scribbles_on="initial")


@dataclass(frozen=True)
class OneCrop(TrainedNetwork):
    """A network that computes the features of one crop once."""

    memory: dict = field(default_factory=dict)

    def crop(self, image, box):
        """The crop of the first call."""
        if "crop" not in self.memory:
            self.memory["crop"] = super().crop(image, box)
        return self.memory["crop"]

    def features(self, crop):
        """The features of the first call."""
        if "features" not in self.memory:
            self.memory["features"] = super().features(crop)
        return self.memory["features"]


def results(card, network, image, truth, box, scribbles):
    """Dice initially, without and with the scribbles; a method without such a step keeps the one before."""
    method = build(card, network)
    steps = [method.start(image, box)]
    adapts = hasattr(method, "adapt")
    steps.append(method.adapt() if adapts else steps[0])
    steps.append(method.refine(scribbles) if adapts else steps[0])
    return [round(dice(step, truth), 4) for step in steps]


def main(settings, *folds):
    """Write the table to the standard output."""
    torch.set_num_threads(1)
    cards = {name: MethodCard(**card) for name, card in yaml.safe_load(Path(settings).read_text()).items()}
    table = csv.writer(sys.stdout, lineterminator="\n")
    header = "cohort patient structure seen object setting initial unsupervised supervised"
    table.writerow(header.split())
    for fold in folds:
        cohort_folder, _, network_folder = fold.partition("=")
        cohort = Cohort.load(Path(cohort_folder))
        loaded = TrainedNetwork.load(Path(network_folder) / "weights.pt")
        trained = replace(
            loaded, finetuning={}
        )  # a setting is what the table names, not what a network brings
        for row in cohort.select(split="test"):
            image, truth = cohort.image(row), cohort.truth(row)
            who = Identity(cohort=cohort.name, case=row.case, structure=row.structure, object=row.object)
            user = SimulatedUser(image, truth, PROTOCOL, cohort.box_margin, 2018, seed_key=who.seed_key)
            box, network = user.box(), OneCrop(**vars(trained))
            base = build(MethodCard(method="base-net"), network).start(image, box)
            none = Scribbles(truth.shape)
            scribbles = none.add(user.strokes(base[box.slices], box, "round-1", none))
            for name, card in cards.items():
                dices = results(card, network, image, truth, box, scribbles)
                key = [cohort.name, row.group, row.structure, row.seen, row.object, name]
                table.writerow([*key, *dices])
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
