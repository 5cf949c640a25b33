"""The program that runs Python methods in a process of their own; it gets images and prompts, and nothing else.

`process.MethodProcess` starts it. Only methods of bifseg share a process, one session after the other. It answers each
line of its standard input with one on its standard output. What the method prints goes to standard error.
`core.supervisor` confines the process before Python reads this file, so plug-ins are imported under the same
confinement under which they run.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import pickle
import resource
import sys
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from bifseg.core.garbage import many_imports
from bifseg.core.sandbox import import_from_module_folders

if TYPE_CHECKING:  # numpy and torch are imported when a method needs them
    from bifseg.core.geometry import Image
    from bifseg.networks.trained import TrainedNetwork


def main() -> None:
    """Answer messages until the input ends."""
    questions, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    # A method that reads its input must not wait for ever.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # so that nothing that the method prints becomes an answer
    sys.stdout = sys.stderr
    import_from_module_folders()
    _report_exits_for_memory()
    host: Host | None = None
    for line in questions:
        message = json.loads(line)
        try:
            if message["call"] == "open":
                host = host or Host(message)
                answer = host.open(message)
            else:
                assert host, "the first message must be `open`"
                answer = host.answer(message)
        except BaseException as error:  # a method may raise anything
            opens = message["call"] == "open"
            kind = "bad_input" if type(error).__name__ == "InputError" and opens else "error"
            text = str(error) if kind == "bad_input" else f"{type(error).__name__}: {error}"
            answer = {kind: " ".join(text.split())}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    os._exit(0)  # without the exit handler of `_report_exits_for_memory`


def _report_exits_for_memory() -> None:
    """Write the reason to standard error if a library ends the process after a failed allocation, as maxflow does."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.__errno_location.restype = ctypes.POINTER(ctypes.c_int)

        def at_exit(status: int, _: Any) -> None:
            if status and libc.__errno_location()[0] == errno.ENOMEM:
                os.write(2, b"out of memory: a library ended the process\n")

        _callbacks.append(ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p)(at_exit))
        libc.on_exit(_callbacks[-1], None)


_callbacks: list[Any] = []
"""Keeps the functions that the C library calls from being collected."""


class Host:
    """A network, a method and the session that it plays.

    Args:
        opening: the first message; `weights` and `device` say which network.
    """

    def __init__(self, opening: dict[str, Any]) -> None:
        self._weights, self._device = opening["weights"], opening["device"]
        self._folder = Path.cwd()
        self._machine_s = 0.0
        self._kept: Image | None = None
        self._image: Image | None = None

    def open(self, opening: dict[str, Any]) -> dict[str, Any]:
        """The answer to the first message of a method; the method before it is dropped.

        Args:
            opening: `card` has the method.

        Returns:
            Dimensions, prompts, unsupervised step and memory of the method; see `answers.Opening`.
        """
        with many_imports():
            from bifseg.methods.contract import Adaptive, Encoding, Undoing
            from bifseg.methods.process import messages  # noqa: F401  an import must not count as a session's time
            from bifseg.methods.process.memory import BYTES_PER_VOXEL
            from bifseg.methods.registry import METHODS, make

        name = opening["card"]["method"]
        self._is_own = name in METHODS
        load = (lambda: self._network) if self._weights else None
        self._method = make(name, opening["card"]["settings"], load)
        method: Any = self._method
        encodes = isinstance(method, Encoding)
        if encodes:
            self._encode = method.image_encoding
            method.image_encoding = self._encoded
        known = BYTES_PER_VOXEL.get(name, 0.0)
        bytes_per_voxel = getattr(self._method, "bytes_per_voxel", known)
        return {
            "dimensions": sorted(self._method.dimensions),
            "prompts": sorted(self._method.prompts),
            "adapts": isinstance(self._method, Adaptive),
            "undoes": isinstance(self._method, Undoing),
            "encodes": encodes,
            "bytes_per_voxel": float(bytes_per_voxel),
        }

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to a message; the result goes to a file.

        Args:
            message: its `call` is encode, start, start_from, base, adapt, refine, undo or weights; docs/plugins.md
                has the other keys.

        Returns:
            Seconds and highest memory since `start`; see `answers.Answer`.
        """
        from bifseg.methods.contract import checked_mask
        from bifseg.methods.process import messages

        if message["call"] == "weights":
            return {"weights": self._network.weights_hash() if self._network else ""}
        if message["call"] == "encode":
            return self._answer_encode(messages.read_image_files(message, self._folder))
        if message["call"] in ("start", "start_from", "base"):
            self._kept, self._box = messages.read_image_message(message, self._folder, self._kept)
            self._image = self._kept if self._is_own else _copied(self._kept)
            self._machine_s = message.get("encoding_s", 0.0)
            if "encoding" in message:
                self._encoding = (self._folder / message["encoding"]).read_bytes()
            _reset_gpu_peak()
        image = self._image
        assert image
        grid, shape = image.grid, image.grid.shape
        prompts: list[Any] = []
        if message["call"] == "refine":
            prompts = [messages.read_scribbles_message(message, shape)]
        elif message["call"] == "start_from":
            prompts = [image, self._box, messages.read_mask_message(message, self._folder)]
        elif message["call"] in ("start", "base"):
            prompts = [image, self._box]
        start, reused_s = perf_counter(), self._all_reused_s()
        result = self._call(message["call"], *prompts)
        reused_s = self._all_reused_s() - reused_s
        self._machine_s += perf_counter() - start + reused_s
        window = messages.write_result(checked_mask(result, shape), grid, self._folder, self._box)
        seconds = {name: float(value) for name, value in getattr(self._method, "seconds", {}).items()}
        seconds["machine"] = self._machine_s
        return {"seconds": seconds, "reused_s": reused_s, "peak_mb": _peak_mb()} | window

    @cached_property
    def _network(self) -> TrainedNetwork | None:
        """The trained network; None without one, and torch is not imported."""
        if not self._weights:
            return None
        with many_imports():
            from bifseg.networks.trained import TrainedNetwork, checked_device

        return TrainedNetwork.load(Path(self._weights), checked_device(self._device))

    def _answer_encode(self, image: Image) -> dict[str, Any]:
        """The answer to `encode`; the encoding goes to a file."""
        from bifseg.methods.process.encodings import ENCODING

        self._encoding = pickle.dumps(self._encode(image))
        (self._folder / ENCODING).write_bytes(self._encoding)
        return {}

    def _encoded(self, _: Image) -> Any:
        """A copy of the session's encoding, which the method may change as it likes."""
        return pickle.loads(self._encoding)

    def _all_reused_s(self) -> float:
        """Seconds that results of earlier sessions have saved since the process began."""
        return self._network.computed.reused_s if self._network else 0.0

    def _call(self, name: str, *prompts: Any) -> Any:
        if name == "base" and self._network:
            return self._network.answer(*prompts)
        return getattr(self._method, name)(*prompts)


def _copied(image: Image) -> Image:
    """A copy of an image, since a plug-in may change it in place."""
    others = {name: voxels.copy() for name, voxels in image.others.items()}
    return replace(image, voxels=image.voxels.copy(), others=others)


def _peak_mb() -> dict[str, float]:
    """Highest memory since the session's start of this process and of the GPU that the method uses, in MiB."""
    torch = sys.modules.get("torch")
    gpu = torch.cuda.max_memory_allocated() / 2**20 if torch and torch.cuda.is_initialized() else 0.0
    return {"rss": round(_peak_bytes() / 2**20, 1), "gpu": round(gpu, 1)}


def _reset_gpu_peak() -> None:
    torch = sys.modules.get("torch")
    # The call would reserve memory on a GPU that the method does not use.
    if torch and torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()


def _peak_bytes() -> int:
    if sys.platform == "linux":  # rusage would include the parent's memory from before this program began
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


if __name__ == "__main__":
    try:
        main()
    except BaseException:  # without the exit handler, which would run in a Python that has ended
        sys.excepthook(*sys.exc_info())
        os._exit(1)
