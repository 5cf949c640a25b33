"""Sides of a comparison made by hand: scores in a line each, everything else as it usually is."""

from fake_run import scores

from bifseg.analysis.names import OWN_SCRIBBLES, SHARED_SCRIBBLES
from bifseg.cards.cards import ProtocolCard
from bifseg.reports.benchmark.pairing import RunView

RULES = {
    OWN_SCRIBBLES: ProtocolCard(rounds=4, target=0.9).model_dump(mode="json"),
    SHARED_SCRIBBLES: ProtocolCard(rounds=1, target=None, scribbles_on="initial").model_dump(mode="json"),
}


def session(name, *dice, method="geos", status="ok", protocol=OWN_SCRIBBLES, **more):
    """Lines of a session: its Dice after rounds 0, 1, ...; a second a step; `status` at last."""
    last = len(dice) - 1
    return [
        (
            name,
            method,
            f"round-{k}" if k else "initial",
            value,
            {"protocol": protocol, "machine_s": 1.0 + k, "status": status if k == last else "ok", **more},
        )
        for k, value in enumerate(dice)
    ]


def side(lines, name="results/a", files=None, rules=RULES, facts=None, entry=None, **common):
    """A side of these lines of scores, whose objects all have the same files unless they are given."""
    frame = scores(lines, **common)
    objects = set(zip(frame["cohort"], frame["object"], strict=True))
    files_by_object = {key: {"image": key[1], "label": key[1]} for key in objects} if files is None else files
    facts = {"config": {"seed": 1}, "networks": {}, "machine": "Linux"} if facts is None else facts
    return RunView(name, frame, rules, files_by_object, facts, set(), entry)
