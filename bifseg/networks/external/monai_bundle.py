"""A network of a MONAI bundle: its class, its arguments and its weights, read without running any of it.

A bundle's config may hold Python (`$...`) that MONAI evaluates. Here nothing is evaluated: the config is plain JSON
or YAML, references to other values of the file (`@key`) are followed, and only classes of `monai.networks.nets` are
built.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from bifseg.core.errors import InputError

CONFIGS = tuple(
    f"configs/{name}.{kind}" for name in ("inference", "train") for kind in ("json", "yaml", "yml")
)
WEIGHTS = "models/model.pt"
NETWORK = "network_def"
_NETS = "monai.networks.nets"
_FOLLOWED = 20


def read(folder: Path) -> dict[str, Any]:
    """What is kept of the user's bundle: class, arguments and weights. Raises InputError where it is not clear."""
    path = next((folder / name for name in CONFIGS if (folder / name).is_file()), None)
    if path is None:
        raise InputError(f"not a MONAI bundle: none of {', '.join(CONFIGS)} is there")
    try:
        target, arguments = _definition(_content(path))
    except InputError as error:
        raise InputError(f"{path.relative_to(folder)}: {error}") from error
    return {"network": target, "arguments": arguments, "state": _state(folder / WEIGHTS)}


def make(kept: dict[str, Any]) -> nn.Module:
    """The network with its weights; raises InputError when MONAI is absent, or class, arguments and weights do not fit.

    Weights that a class would fetch (`pretrained`) are never asked for.
    """
    kind = _class(kept["network"])
    arguments = dict(kept["arguments"])
    if "pretrained" in inspect.signature(kind).parameters:
        arguments["pretrained"] = False
    try:
        network = kind(**arguments)
    except Exception as error:  # whatever a class of MONAI raises
        raise InputError(f"{NETWORK}: {kept['network']} cannot be built: {_line(error)}") from error
    try:
        network.load_state_dict(kept["state"])
    except RuntimeError as error:
        raise InputError(f"{WEIGHTS}: not the weights of this {kept['network']}: {_line(error)}") from error
    return network.eval()


def _class(target: str) -> type[nn.Module]:
    try:
        nets = importlib.import_module(_NETS)
    except ImportError as error:
        raise InputError(f"a MONAI bundle needs MONAI: pip install 'bifseg[monai]' ({error})") from error
    module, _, name = target.rpartition(".")
    found = getattr(nets, name, None)
    within = not module or module == _NETS or module.startswith(f"{_NETS}.")
    if not (within and isinstance(found, type) and issubclass(found, nn.Module)):
        raise InputError(f"{NETWORK}._target_: only networks of {_NETS} are built (is {target!r})")
    return found


def _content(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from error
    except (ValueError, yaml.YAMLError) as error:
        raise InputError(f"not valid {path.suffix[1:].upper()}: {_line(error)}") from error
    if not isinstance(content, dict) or NETWORK not in content:
        raise InputError(f"{NETWORK}: is not there; it names the class and the arguments of the network")
    return content


def _definition(config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Class and arguments of the network."""
    defined = _plain(config[NETWORK], NETWORK, config)
    if not isinstance(defined, dict) or not isinstance(defined.get("_target_"), str):
        raise InputError(f"{NETWORK}._target_: is not there; it is the class, for example UNet")
    arguments = {key: value for key, value in defined.items() if key not in ("_target_", "_desc_")}
    return defined["_target_"], arguments


def _plain(value: Any, key: str, config: dict[str, Any], followed: int = 0) -> Any:
    """A value with every reference in it replaced by what it names; raises InputError for what would be run."""
    if followed > _FOLLOWED:
        raise InputError(f"{key}: its references lead in a circle")
    if isinstance(value, dict):
        for name in value:
            special = str(name).startswith("_") and str(name) != "_desc_"
            if special and (key, name) != (NETWORK, "_target_"):
                raise InputError(
                    f"{key}.{name}: only a network with plain arguments is built; write their values"
                )
        return {name: _plain(inner, f"{key}.{name}", config, followed) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner, f"{key}.{k}", config, followed) for k, inner in enumerate(value)]
    if isinstance(value, str) and value[:1] in ("$", "%"):
        raise InputError(
            f"{key}: expressions and macros are not evaluated; write the value itself (is {value!r})"
        )
    if isinstance(value, str) and value.startswith("@"):
        return _plain(_named(value, key, config), key, config, followed + 1)
    return value


def _named(reference: str, key: str, config: dict[str, Any]) -> Any:
    """The value that `@a`, `@a::b` or `@a#0` names."""
    found: Any = config
    for part in re.split("::|#", reference[1:]):
        try:
            found = found[int(part)] if isinstance(found, list) else found[part]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise InputError(f"{key}: names nothing in this file (is {reference!r})") from error
    return found


def _state(path: Path) -> dict[str, Tensor]:
    """The weights, whether they lie bare or under one of the usual keys."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(
            f"{WEIGHTS}: is not there; of a bundle with a model.ts, import that as torchscript"
        ) from error
    except Exception as error:  # whatever a broken file makes torch raise
        reason = (
            "it holds more than tensors, which is not loaded; save it by torch.save(network.state_dict(), ...)"
            if "weights_only" in str(error)  # torch advises to load whatever code the file holds
            else _line(error)
        )
        raise InputError(f"{WEIGHTS}: not a file of weights: {reason}") from error
    for key in ("model", "state_dict", "network"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise InputError(f"{WEIGHTS}: not a state dict; save it by torch.save(network.state_dict(), ...)")
    return dict(content)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
