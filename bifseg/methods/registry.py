"""The registered methods, and the method of a card."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import TYPE_CHECKING, Any

from bifseg.core.errors import InputError
from bifseg.core.plug_ins import imported, listed_set
from bifseg.core.registry import Registry
from bifseg.methods.contract import Correcting, Method

if TYPE_CHECKING:  # the process of a plug-in without a network starts without torch and without pydantic
    from bifseg.cards.cards import MethodCard
    from bifseg.networks.trained import TrainedNetwork

# `build` imports one of them, so that a job loads the libraries of its own method only.
METHODS: Registry[str] = Registry(
    "method",
    {
        "base-net": "bifseg.methods.bifseg.base_net:BaseNet",
        "base-crf": "bifseg.methods.bifseg.base_crf:BaseCRF",
        "bifseg": "bifseg.methods.bifseg.bifseg:BIFSeg",
        "grabcut": "bifseg.methods.tools.grabcut:GrabCut",
        "grabcut-opencv": "bifseg.methods.tools.grabcut_opencv:GrabCutOpenCV",
        "slic-seg": "bifseg.methods.tools.slic_seg:SlicSeg",
        "random-walks": "bifseg.methods.tools.random_walks:RandomWalks",
        "geos": "bifseg.methods.tools.geos:GeoS",
        "growcut": "bifseg.methods.tools.growcut:GrowCut",
    },
)


def build(card: MethodCard, network: TrainedNetwork | None) -> Method:
    """The method of a card.

    Args:
        card: names the method (a registered name or `module:Class`) and its settings.
        network: the one that `METHOD@NETWORK` names; None for a method that takes no network.

    Returns:
        A new instance, ready for its first session.

    Raises:
        InputError: the method is unknown or lacks an attribute or call of `Method`, a setting is wrong, the method
            needs a network and has none, or it takes none and has one.
    """
    return make(card.method or "", card.settings, None if network is None else lambda: network)


def make(name: str, settings: dict[str, Any], load: Callable[[], Any] | None) -> Method:
    """The method of a name.

    Args:
        name: a registered name or `module:Class`.
        settings: of the method.
        load: gives the network, once the method is known to take one; None for a method that takes no network.

    Returns:
        As `build`.

    Raises:
        InputError: as `build`.
    """
    maker = _find(name)
    wants_network = "network" in signature(maker).parameters
    if wants_network and load is None:
        raise InputError(
            f"method: {name} needs a network; give --network, or write METHOD@NETWORK in a configuration"
        )
    if load is not None and not wants_network:
        raise InputError(f"method: {name} takes no network; leave --network away")
    arguments: dict[str, Any] = {"network": load()} if load else {}
    try:
        method = maker(**arguments, **settings)
    except ValueError as error:
        if settings_error := _settings_error(error):
            raise settings_error from error
        raise
    except TypeError as error:
        raise InputError(f"settings of {name}: {error}") from error
    if not isinstance(method, Method):
        raise InputError(f"method: {name} must have dimensions, prompts, start and refine")
    for attribute in ("dimensions", "prompts"):
        try:
            listed_set(getattr(method, attribute), attribute)
        except TypeError as error:
            raise InputError(f"method: {name}: {error}") from error
    if "mask" in method.prompts and not isinstance(method, Correcting):
        raise InputError(f"method: {name} takes a mask and has no `start_from(image, box, mask)`; add it")
    return method


def _settings_error(error: ValueError) -> InputError | None:
    """The error as one of the settings, if pydantic refused them."""
    from pydantic import ValidationError

    from bifseg.cards.cards import first_problem

    return InputError(f"settings.{first_problem(error)}") if isinstance(error, ValidationError) else None


def place_of(name: str) -> str:
    """Where the class of a method is; nothing is imported.

    Args:
        name: a registered name, that of an installed package's method, or `module:Class`.

    Returns:
        `module:Class`.

    Raises:
        InputError: the name is unknown.
    """
    place = METHODS.get(name, name)
    plugins = {} if ":" in place else _plugins()
    path = plugins.get(name, place)
    if ":" not in path:
        known = ", ".join([*METHODS, *plugins])
        raise InputError(f"method: unknown '{name}'; known are {known}, or module:Class of a plug-in")
    return path


def _find(name: str) -> Callable[..., Method]:
    path = place_of(name)
    try:
        maker: Callable[..., Method] = imported(path)
    except ImportError as error:
        raise InputError(f"method: {name} cannot be imported: {error}") from error
    return maker


def _plugins() -> dict[str, str]:
    """Places of the methods of installed packages, by name."""
    from importlib.metadata import entry_points

    return {entry.name: entry.value for entry in entry_points(group="bifseg.methods")}
