"""From a method card to a method."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import entry_points
from inspect import signature
from typing import Any

from pydantic import ValidationError

from bifseg.cards import MethodCard, first_problem
from bifseg.errors import BadInput
from bifseg.methods.base_crf import BaseCRF
from bifseg.methods.base_net import BaseNet
from bifseg.methods.bifseg import BIFSeg
from bifseg.methods.contract import Method
from bifseg.networks.trained import TrainedNetwork

METHODS: dict[str, Callable[..., Method]] = {"base-net": BaseNet, "base-crf": BaseCRF, "bifseg": BIFSeg}


def build(card: MethodCard, network: TrainedNetwork | None) -> Method:
    """The method of a card; raises BadInput for an unknown one, wrong settings, or a network too many or too few."""
    maker = _find(card.method)
    wants_network = "network" in signature(maker).parameters
    if wants_network and network is None:
        raise BadInput(f"method: {card.method} needs a network; write it as METHOD@NETWORK")
    if network is not None and not wants_network:
        raise BadInput(f"method: {card.method} takes no network; leave '@...' away")
    arguments: dict[str, Any] = {"network": network} if wants_network else {}
    try:
        method = maker(**arguments, **card.settings)
    except ValidationError as error:
        raise BadInput(f"settings.{first_problem(error)}") from error
    except TypeError as error:
        raise BadInput(f"settings of {card.method}: {error}") from error
    if not isinstance(method, Method):
        raise BadInput(f"method: {card.method} has not all of dimensions, prompts, start and refine")
    return method


def check_fits(card: MethodCard, method: Method, dimension: int) -> None:
    """Raises BadInput when a method cannot play on a cohort of this dimension."""
    if dimension not in method.dimensions:
        able = " and ".join(f"{d}D" for d in sorted(method.dimensions))
        raise BadInput(f"method: {card.method} works in {able}, the cohort is {dimension}D")


def _find(name: str) -> Callable[..., Method]:
    if name in METHODS:
        return METHODS[name]
    plugins = {entry.name: entry for entry in entry_points(group="bifseg.methods")}
    if name in plugins:
        found: Callable[..., Method] = plugins[name].load()
        return found
    module, colon, attribute = name.partition(":")
    if not colon:
        known = ", ".join([*METHODS, *plugins])
        raise BadInput(f"method: unknown '{name}'; known are {known}, or module:Class of a plug-in")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise BadInput(f"method: {name} cannot be imported: {error}") from error
    return found
