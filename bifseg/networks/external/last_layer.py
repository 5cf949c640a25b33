"""Any network as features and classifier, split at the last convolution that runs.

While a network runs, a dispatch mode of torch sees every operation, whether plain Python, MONAI or a scripted, traced
or frozen TorchScript program calls it. The features are the input of the last convolution; the classifier is that
convolution with a copy of its weights.
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


class ConvolutionRecorder(TorchDispatchMode):
    """A dispatch mode that records the first and the last convolution that is called while it is entered."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.first: Convolution | None = None
        self.last: Convolution | None = None

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Asked by torch: else it would import its compiler, for over a second, at the first operation."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Record a convolution; arguments and result are those of torch's dispatch modes.

        Args:
            func: the operation.
            types: types of the tensors.
            args: positional arguments of the operation.
            kwargs: keyword arguments of the operation.

        Returns:
            The operation's result.
        """
        if getattr(func, "overloadpacket", None) in _CONVOLUTIONS:
            self.last = Convolution(*args[:9])
            self.first = self.first or self.last
        return func(*args, **(kwargs or {}))


class InputOfLastConvolution(nn.Module):
    """The features of a network: the input of its last convolution.

    Args:
        model: the whole network.
        fit: pads an image to a shape that the network takes.
    """

    def __init__(self, model: nn.Module, fit: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.model = model
        self._fit = fit

    def run(self, image: Tensor, recorder: ConvolutionRecorder) -> Any:
        """The network's own output, without gradient.

        Args:
            image: (1, inputs, *shape).
            recorder: records the convolutions.

        Returns:
            Any object; a usable network gives a tensor (1, channels, *padded shape).
        """
        with torch.no_grad(), torch.jit.optimized_execution(False), recorder:  # type: ignore[attr-defined]
            return self.model(self._fit(image))

    def forward(self, image: Tensor) -> Tensor:
        """The features of an image, without gradient.

        Args:
            image: (1, inputs, *shape).

        Returns:
            (1, channels, *padded shape).
        """
        recorder = ConvolutionRecorder()
        self.run(image, recorder)
        assert recorder.last is not None  # the trial of `last_layer_of` saw one
        return recorder.last.input


class LastLayer(nn.Module):
    """The last convolution of a network, the fixed operations after it, and two logits from its channels.

    Args:
        call: the convolution as it ran.
        adds_input: whether its input is added to its output, as at the end of MONAI's UNet with residual units.
        upsampling: arguments of `interpolate` if a fixed upsampling follows.
    """

    def __init__(
        self, call: Convolution, adds_input: bool = False, upsampling: dict[str, Any] | None = None
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(call.weight.detach().clone())
        self.bias = None if call.bias is None else nn.Parameter(call.bias.detach().clone())
        self._convolution = call[3:]
        self._adds_input, self._upsampling = adds_input, upsampling
        self._output: Output = "softmax"
        self._foreground, self._background = [1], [0]

    def read_as(self, output: Output, foreground: Sequence[int], channels: int) -> None:
        """Set the activation and the foreground channels that `forward` uses.

        Args:
            output: activation of the network's channels.
            foreground: channels of the foreground; one if the activation is sigmoid.
            channels: number of channels.
        """
        self._output, self._foreground = output, list(foreground)
        self._background = [k for k in range(channels) if k not in self._foreground]

    def raw(self, features: Tensor) -> Tensor:
        """The network's output before sigmoid or softmax.

        Args:
            features: input of the last convolution.

        Returns:
            (1, channels, *padded shape).
        """
        output = torch.convolution(features, self.weight, self.bias, *self._convolution)
        if self._adds_input:
            output = output + features
        return interpolate(output, **self._upsampling) if self._upsampling else output

    def forward(self, features: Tensor) -> Tensor:
        """The logits of background and foreground; their softmax is exactly the network's own probability.

        One sigmoid channel z becomes [0, z]. Softmax channels of one label are summed as probabilities.

        Args:
            features: input of the last convolution.

        Returns:
            (1, 2, *padded shape).
        """
        raw = self.raw(features)
        if self._output == "sigmoid":
            z = raw[:, self._foreground]
            return torch.cat([torch.zeros_like(z), z], 1)
        sides = (self._background, self._foreground)
        return torch.cat([torch.logsumexp(raw[:, side], 1, keepdim=True) for side in sides], 1)


class LastLayerScan(NamedTuple):
    """A last layer, its number of channels, and the activation that the network itself applies, or None."""

    layer: LastLayer
    channels: int
    applied: Output | None


def last_layer_of(network: InputOfLastConvolution, trial: Tensor) -> LastLayerScan:
    """The last layer of a network, recognised by a run on a trial image.

    After the last convolution, a network may add the convolution's input or upsample by a fixed rule (nearest or
    linear), and then apply sigmoid or softmax. We take the combination that gives the network's own output.

    Args:
        network: the whole network, in evaluation mode.
        trial: (1, inputs, *shape).

    Returns:
        The last layer with a copy of its weights.

    Raises:
        InputError: the network does not run on the image, has no convolution, does not give a map of the image's size,
            gives varying outputs or none that is finite, or has other operations after the last convolution.
    """
    shape = " x ".join(map(str, trial.shape[2:]))
    recorder = ConvolutionRecorder()
    try:
        answer = network.run(trial, recorder)
    except Exception as error:  # a network may raise anything
        _check_first(recorder, trial)
        remedy = "if it takes certain sizes only, set `divisible_by` or `shape`"
        if any(weight.dtype != trial.dtype for weight in network.parameters()):
            remedy = "images are float32, its weights are not; save it as float32, network.float()"
        raise InputError(f"it does not run on an image of {shape}: {_reason(error)}; {remedy}") from error
    _check_first(recorder, trial)
    if recorder.last is None:
        raise InputError("it runs no convolution; fine-tuning needs one as the last layer")
    _check_answer(answer, trial, shape)
    if not torch.isfinite(answer).all():
        raise InputError("its output is not finite for an image of noise; look at its weights")
    if not torch.allclose(answer, network.run(trial, ConvolutionRecorder()), atol=1e-5):
        raise InputError("it gives two outputs for one image; export it after model.eval()")
    return _tail(recorder.last, answer)


def _tail(call: Convolution, answer: Tensor) -> LastLayerScan:
    """The last layer and activation that turn the convolution's input into the network's own output."""
    for layer in _candidates(call, answer):
        with torch.no_grad():
            raw = layer.raw(call.input)
        for applied, activation in _ACTIVATIONS.items():
            if raw.shape == answer.shape and torch.allclose(activation(raw), answer, rtol=1e-4, atol=1e-5):
                return LastLayerScan(layer, answer.shape[1], applied)
    raise InputError(
        "unknown operations follow its last convolution; allowed are the addition of the convolution's own input or a "
        "fixed upsampling, then sigmoid or softmax; leave the others out when you export it"
    )


def _candidates(call: Convolution, answer: Tensor) -> Iterator[LastLayer]:
    """The last layers that could give an output of this shape."""
    plain = LastLayer(call)
    yield plain
    with torch.no_grad():
        shape = plain.raw(call.input).shape
    if shape == call.input.shape:
        yield LastLayer(call, adds_input=True)
    factors = tuple(to / size for to, size in zip(answer.shape[2:], shape[2:], strict=True))
    if any(factor != 1 for factor in factors) and all(factor == int(factor) for factor in factors):
        smooth = {"scale_factor": factors, "mode": _SMOOTH[len(factors)]}
        yield LastLayer(call, upsampling={"scale_factor": factors, "mode": "nearest"})
        yield LastLayer(call, upsampling=smooth | {"align_corners": False})
        yield LastLayer(call, upsampling=smooth | {"align_corners": True})


def _check_first(recorder: ConvolutionRecorder, trial: Tensor) -> None:
    """Raise InputError if the first convolution needs another dimension or number of channels."""
    if recorder.first is None:
        return
    weight, dimension = recorder.first.weight, trial.ndim - 2
    if weight.ndim - 2 != dimension:
        raise InputError(f"it is a {weight.ndim - 2}D network; settings.dimension is {dimension}")
    channels, given = weight.shape[1] * recorder.first.groups, trial.shape[1]
    if recorder.first.input.shape[1] == given != channels and not recorder.first.transposed:
        raise InputError(f"it takes {channels} input channels; the card's `channels` give it {given}")


def _check_answer(answer: Any, trial: Tensor, shape: str) -> None:
    """Raise InputError if a network's output is not a map of its image's size."""
    if not isinstance(answer, Tensor):
        raise InputError(f"its output is a {type(answer).__name__}; export it so that it returns one tensor")
    if answer.ndim != trial.ndim or answer.shape[2:] != trial.shape[2:]:
        output_shape = " x ".join(map(str, answer.shape))
        raise InputError(
            f"for an image of {shape} its output is {output_shape}; it must be a map of the image's size "
            f"(1 x channels x {shape})"
        )


def _reason(error: Exception) -> str:
    """The line of an error with the reason; TorchScript prints a traceback before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    reasons = [line for line in lines if line.startswith("RuntimeError: ")]
    if lines[-1] == "RuntimeError:":  # PyTorch loses the text where operations are watched
        return "an operation failed, perhaps because it could not allocate its memory"
    return reasons[-1].removeprefix("RuntimeError: ") if reasons else lines[0]
