"""A network of a MONAI bundle: class, arguments and weights, read without running code of the bundle.

A bundle's config may hold Python (`$...`) that MONAI evaluates. This module evaluates nothing: it reads the config as
plain JSON or YAML, follows references to other values of the file (`@key`), and builds only classes of
`monai.networks.nets`.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from bifseg.cards.yaml_file import DEEPEST
from bifseg.core.errors import InputError, one_line, short

CONFIGS = tuple(
    f"configs/{name}.{kind}" for name in ("inference", "train") for kind in ("json", "yaml", "yml")
)
WEIGHTS = "models/model.pt"
NETWORK = "network_def"
_NETS = "monai.networks.nets"
_MOST_VALUES = 5_000
_MOST_REFERENCES = 20


def read(folder: Path) -> dict[str, Any]:
    """The class, arguments and weights of the user's bundle.

    Args:
        folder: folder of the bundle.

    Returns:
        The keys `network` (class), `arguments` and `state` (state dict).

    Raises:
        InputError: a file is missing or broken, or the network's definition needs code to be evaluated.
    """
    path = next((folder / name for name in CONFIGS if (folder / name).is_file()), None)
    if path is None:
        raise InputError(f"not a MONAI bundle: the folder has none of {', '.join(CONFIGS)}")
    try:
        target, arguments = _definition(_content(path))
    except InputError as error:
        raise InputError(f"{path.relative_to(folder)}: {error}") from error
    return {"network": target, "arguments": arguments, "state": _state(folder / WEIGHTS)}


def make(content: dict[str, Any]) -> nn.Module:
    """The network of a bundle with its weights. It never downloads weights (`pretrained`).

    Args:
        content: what `read` returned.

    Returns:
        The network in evaluation mode.

    Raises:
        InputError: MONAI is not installed, or class, arguments and weights do not fit together.
    """
    kind = _class(content["network"])
    arguments = dict(content["arguments"])
    if "pretrained" in inspect.signature(kind).parameters:
        arguments["pretrained"] = False
    try:
        network = kind(**arguments)
    except Exception as error:  # a class of MONAI may raise anything
        raise InputError(f"{NETWORK}: {content['network']} cannot be built: {one_line(error)}") from error
    try:
        network.load_state_dict(content["state"])
    except RuntimeError as error:
        raise InputError(
            f"{WEIGHTS}: not the weights of this {content['network']}: {one_line(error)}"
        ) from error
    return network.eval()


def _class(target: str) -> type[nn.Module]:
    """The class of a network; raises InputError if it is not one of MONAI's networks."""
    try:
        nets = importlib.import_module(_NETS)
    except ImportError as error:
        raise InputError(f"a MONAI bundle needs MONAI: pip install 'bifseg[monai]' ({error})") from error
    module, _, name = target.rpartition(".")
    kind = getattr(nets, name, None)
    within = not module or module == _NETS or module.startswith(f"{_NETS}.")
    if not (within and isinstance(kind, type) and issubclass(kind, nn.Module)):
        raise InputError(f"{NETWORK}._target_: only networks of {_NETS} are built (is {target!r})")
    return kind


def _content(path: Path) -> dict[str, Any]:
    """The content of a bundle's config; raises InputError if it cannot be read or has no network."""
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"not valid {path.suffix[1:].upper()}: {one_line(error)}") from error
    if not isinstance(content, dict) or NETWORK not in content:
        raise InputError(f"{NETWORK}: is missing; it must have the class and the arguments of the network")
    return content


def _definition(config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Class and arguments of the network."""
    definition = _plain(config[NETWORK], NETWORK, config, count())
    if not isinstance(definition, dict) or not isinstance(definition.get("_target_"), str):
        raise InputError(f"{NETWORK}._target_: is missing; it is the class, for example UNet")
    arguments = {key: value for key, value in definition.items() if key not in ("_target_", "_desc_")}
    return definition["_target_"], arguments


def _plain(value: Any, key: str, config: dict[str, Any], number: Iterator[int], references: int = 0) -> Any:
    """A value with its references replaced by the values that they name; raises InputError for code.

    `number` counts the values, since aliases and references can expand to more than fit into memory, or to themselves.
    """
    if references > _MOST_REFERENCES:
        raise InputError(f"{short(key)}: its references lead in a circle")
    if next(number) > _MOST_VALUES or key.count(".") > DEEPEST:
        raise InputError(f"{short(key)}: nests too deep, or aliases and references stand for too many values")
    if isinstance(value, dict):
        for name in value:
            special = str(name).startswith("_") and str(name) != "_desc_"
            if special and (key, name) != (NETWORK, "_target_"):
                raise InputError(
                    f"{short(key)}.{short(str(name))}: only a network with plain arguments is built; write their values"
                )
        return {
            name: _plain(inner, f"{key}.{name}", config, number, references) for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_plain(inner, f"{key}.{k}", config, number, references) for k, inner in enumerate(value)]
    if isinstance(value, str) and value[:1] in ("$", "%"):
        raise InputError(
            f"{short(key)}: expressions and macros are not evaluated; write the value itself (is {short(repr(value))})"
        )
    if isinstance(value, str) and value.startswith("@"):
        return _plain(_named(value, key, config), key, config, number, references + 1)
    return value


def _named(reference: str, key: str, config: dict[str, Any]) -> Any:
    """The value that `@a`, `@a::b` or `@a#0` names."""
    value: Any = config
    for part in re.split("::|#", reference[1:]):
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise InputError(f"{short(key)}: {short(repr(reference))} names no value of this file") from error
    return value


def _state(path: Path) -> dict[str, Tensor]:
    """The state dict of a file, alone or under one of the usual keys."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(
            f"{WEIGHTS}: is missing; if the bundle has a model.ts, import that as torchscript"
        ) from error
    except Exception as error:  # torch may raise anything on a damaged file
        reason = (
            "it holds more than tensors, which is not loaded; save it by torch.save(network.state_dict(), ...)"
            if "weights_only" in str(error)  # torch's own message advises to load the file's code
            else one_line(error)
        )
        raise InputError(f"{WEIGHTS}: not a file of weights: {reason}") from error
    for key in ("model", "state_dict", "network"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise InputError(f"{WEIGHTS}: not a state dict; save it by torch.save(network.state_dict(), ...)")
    return dict(content)
