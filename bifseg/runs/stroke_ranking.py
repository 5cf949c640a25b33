"""Methods on the same images with the strokes of people and of policies, all given at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from bifseg.cards.capabilities import method_problem
from bifseg.cards.cards import MethodCard, ProtocolCard
from bifseg.core.errors import InputError
from bifseg.core.geometry import Box, Image
from bifseg.core.overlap import dice
from bifseg.core.scribbles import Scribbles
from bifseg.methods.contract import Method, checked_mask
from bifseg.methods.registry import build
from bifseg.robot.people.pages import Page
from bifseg.robot.people.recordings import Recorded
from bifseg.robot.people.robot_drawings import PolicyParameters, robot_box, robot_strokes
from bifseg.robot.policies.policy import Policy


class _Given(NamedTuple):
    """The prompts of one drawing."""

    source: str
    person: bool
    draw: int
    box: Box
    scribbles: Scribbles


def built_methods(names: Iterable[str], recorded: Iterable[Recorded]) -> dict[str, Method]:
    """The methods that a command names; none may need a network.

    Args:
        names: registered names or `module:Class`.
        recorded: images that all methods must be able to segment.

    Returns:
        Methods by name.

    Raises:
        InputError: a method is unknown, needs a network, takes no scribbles or not images of this dimension; or an
            image is missing.
    """
    methods = {name: build(MethodCard(method=name), None) for name in names}
    for item in recorded:
        if item.image is None:
            raise InputError(f"{item.group}/{item.name}: the recordings name no image; methods need it")
        for name, method in methods.items():
            reason = method_problem(method.dimensions, method.prompts, item.grid.ndim, ProtocolCard())
            if reason or "scribbles" not in method.prompts:
                raise InputError(f"{name}: {reason or 'takes no scribbles'}; leave it out of --methods")
    return methods


def stroke_scores(
    recorded: Iterable[Recorded],
    methods: Mapping[str, Method],
    robots: Mapping[str, Policy],
    parameters: PolicyParameters,
) -> Iterator[pd.DataFrame]:
    """The Dice of every method with the strokes of every person and policy, image by image.

    A method gets the robot's box (a method that starts from scribbles: as the window that it works in), then all
    strokes of a drawing in one round. A method that fails scores 0.

    Args:
        recorded: images with people's strokes.
        methods: methods by name.
        robots: policies by name; each draws the opening of a session.
        parameters: how the robot draws.

    Yields:
        Rows of one image: `group`, `image`, `source` (person or policy), `person`, `draw`, `method`, `dice`.
    """
    for item in recorded:
        page = item.page()
        if page.image is None or not page.people:
            continue
        image = Image(page.image.astype(np.float32), item.grid)
        rows = [
            {
                "group": page.group,
                "image": page.name,
                "source": given.source,
                "person": given.person,
                "draw": given.draw,
                "method": name,
                "dice": _dice(method, image, page, given),
            }
            for given in _drawings(item, page, robots, parameters)
            for name, method in methods.items()
        ]
        yield pd.DataFrame(rows)


def _drawings(
    item: Recorded, page: Page, robots: Mapping[str, Policy], parameters: PolicyParameters
) -> Iterator[_Given]:
    for draw in range(parameters.draws):
        for name, robot in robots.items():
            box, strokes = robot_strokes(page, robot, parameters, draw)
            yield _Given(name, False, draw, box, Scribbles(page.truth.shape).add(strokes))
    box = robot_box(page, parameters, 0)
    for person in item.people:
        yield _Given(person, True, 0, box, item.scribbles(person))


def _dice(method: Method, image: Image, page: Page, given: _Given) -> float:
    try:
        method.start(image, given.box)
        result = checked_mask(method.refine(given.scribbles), page.truth.shape)
    except Exception:  # a method may raise anything; a failure scores 0, as in a run
        return 0.0
    return dice(result, page.truth)
