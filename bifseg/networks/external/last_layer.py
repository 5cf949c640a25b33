"""Any network as features and classifier: cut in two at the last convolution that runs.

The network is watched while it runs: every operation of torch passes a dispatch mode, whether plain Python, MONAI
or a scripted, traced or frozen TorchScript program asks for it. What goes into the last convolution are the
features; that convolution, with a copy of its weights, is the classifier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.utils._python_dispatch import TorchDispatchMode

from bifseg.core.errors import InputError

Output = Literal["softmax", "sigmoid"]
_CONVOLUTIONS = (torch.ops.aten.convolution, torch.ops.aten._convolution)
_ACTIVATIONS: dict[Output | None, Callable[[Tensor], Tensor]] = {
    None: lambda raw: raw,
    "sigmoid": torch.sigmoid,
    "softmax": lambda raw: torch.softmax(raw, 1),
}
_SMOOTH = {2: "bilinear", 3: "trilinear"}


class Convolution(NamedTuple):
    """The arguments of one call of torch.convolution."""

    input: Tensor
    weight: Tensor
    bias: Tensor | None
    stride: Sequence[int]
    padding: Sequence[int]
    dilation: Sequence[int]
    transposed: bool
    output_padding: Sequence[int]
    groups: int


class Watch(TorchDispatchMode):
    """While it is entered: the first and the last convolution that ran, or was about to."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.first: Convolution | None = None
        self.last: Convolution | None = None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Note a convolution and do what was asked."""
        if getattr(func, "overloadpacket", None) in _CONVOLUTIONS:
            self.last = Convolution(*args[:9])
            self.first = self.first or self.last
        return func(*args, **(kwargs or {}))


class Watched(nn.Module):
    """A network whose answer to an image is what goes into its last convolution.

    Args:
        fit: pads an image to a shape that the network takes.
    """

    def __init__(self, model: nn.Module, fit: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.model = model
        self._fit = fit

    def run(self, image: Tensor, watch: Watch) -> Any:
        """The network's own answer."""
        with torch.no_grad(), torch.jit.optimized_execution(False), watch:  # type: ignore[attr-defined]
            return self.model(self._fit(image))

    def forward(self, image: Tensor) -> Tensor:
        """Features (1, channels, *padded shape) of an image (1, 1, *shape), without gradient."""
        watch = Watch()
        self.run(image, watch)
        assert watch.last is not None  # the trial of `last_layer_of` saw one
        return watch.last.input


class LastLayer(nn.Module):
    """The last convolution of a network, what is fixed behind it, and the two logits made of its channels.

    Args:
        call: the convolution as it ran.
        adds_input: its input is added to its output, as at the end of MONAI's UNet with residual units.
        upsampling: arguments of `interpolate`, where a fixed upsampling stands behind it.
    """

    def __init__(
        self, call: Convolution, adds_input: bool = False, upsampling: dict[str, Any] | None = None
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(call.weight.detach().clone())
        self.bias = None if call.bias is None else nn.Parameter(call.bias.detach().clone())
        self._how = call[3:]
        self._adds_input, self._upsampling = adds_input, upsampling
        self._output: Output = "softmax"
        self._foreground, self._background = [1], [0]

    def read_as(self, output: Output, foreground: Sequence[int], channels: int) -> None:
        """Say which channels are foreground, and whether softmax or sigmoid makes probabilities of them."""
        self._output, self._foreground = output, list(foreground)
        self._background = [k for k in range(channels) if k not in self._foreground]

    def raw(self, features: Tensor) -> Tensor:
        """The network's output (1, channels, *padded shape), before sigmoid or softmax."""
        found = torch.convolution(features, self.weight, self.bias, *self._how)
        if self._adds_input:
            found = found + features
        return interpolate(found, **self._upsampling) if self._upsampling else found

    def forward(self, features: Tensor) -> Tensor:
        """Logits (1, 2, *padded shape): their softmax is the network's own probability, exactly.

        One sigmoid channel z is [0, z]. Of several softmax channels, those of a side are summed as probabilities.
        """
        raw = self.raw(features)
        if self._output == "sigmoid":
            z = raw[:, self._foreground]
            return torch.cat([torch.zeros_like(z), z], 1)
        sides = (self._background, self._foreground)
        return torch.cat([torch.logsumexp(raw[:, side], 1, keepdim=True) for side in sides], 1)


class LastLayerScan(NamedTuple):
    """A last layer, how many channels it gives, and what the network itself makes of them (None: nothing)."""

    layer: LastLayer
    channels: int
    applied: Output | None


def last_layer_of(network: Watched, trial: Tensor) -> LastLayerScan:
    """The last layer of a network; raises InputError when it cannot be told from a run on a trial image (1, 1, *shape).

    Behind the last convolution may stand nothing, its own input added, or a fixed upsampling (nearest or linear);
    then nothing, sigmoid or softmax: whichever gives the network's own answer.
    """
    shape = " x ".join(map(str, trial.shape[2:]))
    watch = Watch()
    try:
        answer = network.run(trial, watch)
    except Exception as error:  # whatever a network raises
        _check_first(watch, trial)
        raise InputError(
            f"it does not run on an image of {shape}: {_reason(error)}; if it takes certain sizes only, say so by "
            "`divisible_by` or `shape`"
        ) from error
    _check_first(watch, trial)
    if watch.last is None:
        raise InputError("no convolution runs in it; fine-tuning needs a last one")
    _check_answer(answer, trial, shape)
    if not torch.allclose(answer, network.run(trial, Watch()), atol=1e-5):
        raise InputError("it gives two answers for one image; export it after model.eval()")
    return _tail(watch.last, answer)


def _tail(call: Convolution, answer: Tensor) -> LastLayerScan:
    for layer in _candidates(call, answer):
        with torch.no_grad():
            raw = layer.raw(call.input)
        for applied, activation in _ACTIVATIONS.items():
            if raw.shape == answer.shape and torch.allclose(activation(raw), answer, rtol=1e-4, atol=1e-5):
                return LastLayerScan(layer, answer.shape[1], applied)
    raise InputError(
        "what follows its last convolution is not known: it may be nothing, the convolution's own input added, or a "
        "fixed upsampling, and then nothing, sigmoid or softmax; leave the rest out when you export it"
    )


def _candidates(call: Convolution, answer: Tensor) -> Iterator[LastLayer]:
    plain = LastLayer(call)
    yield plain
    with torch.no_grad():
        given = plain.raw(call.input).shape
    if given == call.input.shape:
        yield LastLayer(call, adds_input=True)
    factors = tuple(want / have for want, have in zip(answer.shape[2:], given[2:], strict=True))
    if any(factor != 1 for factor in factors) and all(factor == int(factor) for factor in factors):
        smooth = {"scale_factor": factors, "mode": _SMOOTH[len(factors)]}
        yield LastLayer(call, upsampling={"scale_factor": factors, "mode": "nearest"})
        yield LastLayer(call, upsampling=smooth | {"align_corners": False})
        yield LastLayer(call, upsampling=smooth | {"align_corners": True})


def _check_first(watch: Watch, trial: Tensor) -> None:
    """What the first convolution shows of a network that is not made for such an image."""
    if watch.first is None:
        return
    weight, dimension = watch.first.weight, trial.ndim - 2
    if weight.ndim - 2 != dimension:
        raise InputError(f"it is a {weight.ndim - 2}D network; settings.dimension is {dimension}")
    channels = weight.shape[1] * watch.first.groups
    if watch.first.input.shape[1] == 1 and channels != 1 and not watch.first.transposed:
        raise InputError(f"it takes {channels} input channels; bifseg shows it one image, 1 channel")


def _check_answer(answer: Any, trial: Tensor, shape: str) -> None:
    if not isinstance(answer, Tensor):
        raise InputError(f"it answers with a {type(answer).__name__}; export it so that it gives one tensor")
    if answer.ndim != trial.ndim or answer.shape[2:] != trial.shape[2:]:
        given = " x ".join(map(str, answer.shape))
        raise InputError(
            f"to an image of {shape} it answers with {given}; a map of the image's size (1 x channels x {shape}) "
            "is needed"
        )


def _reason(error: Exception) -> str:
    """The telling line of an error; TorchScript puts a traceback before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    told = [line for line in lines if line.startswith("RuntimeError: ")]
    return told[-1].removeprefix("RuntimeError: ") if told else lines[0]
