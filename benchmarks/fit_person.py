"""The fit of the policy `person/2` to recorded people, with one person and with one set of images left out.

    bifseg robot record MEDSCRIBBLE --out people.json
    python benchmarks/fit_person.py people.json fitted.json

The policy draws on the whole image, as these people did. Candidates are drawn at random around our first guess; the
nearest to the people of a fold is chosen, and its distance to the people who were left out is measured on other
drawings than those by which it was chosen. The distance is that of `bifseg robot shift` over all measures but the
overlap, in standard deviations of all people.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
from tabulate import tabulate

from bifseg.core.seeds import generator
from bifseg.robot.people.recordings import persons, read_recordings
from bifseg.robot.people.robot_drawings import PolicyParameters, robot_map
from bifseg.robot.people.shift import MEASURES, OVERLAP, drawing_values, on_scale
from bifseg.robot.policies.person import Person, PersonAround

CANDIDATES, FITTED, CHECKED = 40, range(1), range(1, 9)
WHOLE = PolicyParameters(whole_image=True)
FIRST = Person.params


def candidates():
    """Parameters within a factor of about two of a guess, which is none of them."""
    rng = generator(0, "person/2")
    for _ in range(CANDIDATES):
        by = np.exp(rng.uniform(-0.6, 0.6, 8))
        lower = rng.uniform(0.25, 0.55)
        yield replace(
            FIRST,
            number=(round(2.0 * by[0], 2), round(1.4 * by[1], 2)),
            pieces_power=round(rng.uniform(0.3, 0.8), 2),
            length=(round(2.5 * by[2], 2), round(5.0 * by[3], 2)),
            number_sd=round(0.25 * by[4], 2),
            length_sd=round(0.45 * by[5], 2),
            depth=(round(lower, 2), round(rng.uniform(max(lower, 0.5), 0.9), 2)),
            reach_mm=round(9.0 * by[6], 1),
            wobble_mm=round(1.0 * by[7], 2),
            thin_share=round(rng.uniform(0.0, 0.3), 2),
        )


def vector(drawn, page):
    """All measures of a drawing on the scale of their distance, both labels."""
    values = drawing_values(drawn, page.truth, page.spacing)
    names = [name for name in MEASURES if name != OVERLAP]
    return np.array(
        [on_scale(name, float(values.loc[label, name])) for label in values.index for name in names]
    )


def distance(ones, others, unit):
    """Mean over measures of the mean absolute difference of pairs of vectors."""
    apart = np.abs(np.array(ones) - np.array(others)) / unit
    return float(np.nanmean(np.nanmean(apart, axis=0)))


def drawn_by(params, pages, draws):
    """The measures of a candidate's drawings of every image; each number gives another drawing."""
    robot = PersonAround(params)
    return [[vector(robot_map(page, robot, WHOLE, draw), page) for draw in draws] for page in pages]


def main(source, target):
    pages = [item.page() for item in read_recordings(Path(source))]
    who = persons(read_recordings(Path(source)))
    people = {(k, w): vector(m, page) for k, page in enumerate(pages) for w, m in page.people.items()}
    unit = np.nanstd(np.array(list(people.values())), axis=0)
    unit[unit == 0] = np.nan
    tried = list(candidates())
    drawn = []
    for number, params in enumerate(tried, 1):
        drawn.append(drawn_by(params, pages, FITTED))
        print(f"\r{number} of {len(tried)}", end="", file=sys.stderr, flush=True)

    def to_people(drawings, keys):
        pairs = [(robot, people[key]) for key in keys for robot in drawings[key[0]]]
        return distance(*zip(*pairs, strict=True), unit)

    @cache
    def again(candidate):
        return drawn_by(tried[candidate], pages, CHECKED)

    def among(keys, person=None):
        pairs = [
            (a, b)
            for a, b in combinations(keys, 2)
            if a[0] == b[0] and (person is None or person in (a[1], b[1]))
        ]
        return distance([people[a] for a, _ in pairs], [people[b] for _, b in pairs], unit)

    def nearest(keys):
        return min(range(len(tried)), key=lambda k: to_people(drawn[k], keys))

    every, rows = list(people), []
    spreads = {w: among(every, w) for w in who}
    for w in who:
        best, own = nearest([key for key in every if key[1] != w]), [key for key in every if key[1] == w]
        others = [among([k for k in every if k[1] in (w, v)]) for v in who if v != w]
        rows.append([w, best, to_people(again(best), own), spreads[w], min(others), max(others)])
    for group in dict.fromkeys(page.group for page in pages):
        own = [key for key in every if pages[key[0]].group == group]
        best = nearest([key for key in every if key not in own])
        pairs = [among([k for k in own if k[1] in pair]) for pair in combinations(who, 2)]
        rows.append([group, best, to_people(again(best), own), among(own), min(pairs), max(pairs)])
    best = nearest(every)
    to_all = to_people(again(best), every)
    rows.append(["nobody", best, to_all, among(every), min(spreads.values()), max(spreads.values())])
    header = ["left out", "candidate", "policy to the left out", "people to each other", "least", "most"]
    print("\n" + tabulate(rows, header, tablefmt="pipe", floatfmt=".2f"))
    text = json.dumps({"params": asdict(tried[best])}, indent=1)
    Path(target).write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
