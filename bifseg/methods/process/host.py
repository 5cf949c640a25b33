"""The program that runs a Python method in a process of its own; it gets images and prompts, and nothing else.

`process.MethodProcess` starts it. It answers each line of its standard input with one on its standard output. What
the method prints goes to standard error. `core.supervisor` confines the process before Python reads this file, so
plug-ins are imported under the same confinement under which they run.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from bifseg.core.sandbox import import_from_module_folders


def main() -> None:
    """Answer messages until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # so that nothing that the method prints becomes an answer
    sys.stdout = sys.stderr
    import_from_module_folders()
    _report_exits_for_memory()
    host: Host | None = None
    for line in sys.stdin:
        try:
            if host is None:
                host = Host(json.loads(line))
                answer = host.opening()
            else:
                answer = host.answer(json.loads(line))
        except (Exception, SystemExit) as error:  # a method may raise anything
            kind = "bad_input" if type(error).__name__ == "InputError" and host is None else "error"
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
    """A method and the session that it plays.

    Args:
        opening: the first message; `card` has the method, `weights` and `device` its network.
    """

    def __init__(self, opening: dict[str, Any]) -> None:
        from bifseg.cards.cards import MethodCard
        from bifseg.methods.process import messages  # noqa: F401  an import must not count as a session's time
        from bifseg.methods.registry import build

        self._network = _network(opening["weights"], opening["device"])
        self._card = MethodCard(**opening["card"])
        self._method = build(self._card, self._network)
        self._folder = Path.cwd()
        self._machine_s = 0.0

    def opening(self) -> dict[str, Any]:
        """The first answer.

        Returns:
            Dimensions, prompts, unsupervised step and memory of the method; see `messages.Opening`.
        """
        from bifseg.methods.contract import Adaptive, Undoing
        from bifseg.methods.process.memory import BYTES_PER_VOXEL

        bytes_per_voxel = getattr(
            self._method, "bytes_per_voxel", BYTES_PER_VOXEL.get(self._card.method or "", 0.0)
        )
        return {
            "dimensions": sorted(self._method.dimensions),
            "prompts": sorted(self._method.prompts),
            "adapts": isinstance(self._method, Adaptive),
            "undoes": isinstance(self._method, Undoing),
            "bytes_per_voxel": float(bytes_per_voxel),
        }

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to a message; the result goes to a file.

        Args:
            message: its `call` is start, start_from, base, adapt, refine or undo; docs/plugins.md has the other keys.

        Returns:
            Seconds and highest memory since `start`; see `messages.Answer`.
        """
        from bifseg.methods.contract import checked_mask
        from bifseg.methods.process import messages

        if message["call"] in ("start", "start_from", "base"):
            self._image, self._box = messages.read_image_message(message, self._folder)
            self._machine_s = 0.0
        shape = self._image.grid.shape
        prompts: list[Any] = []
        if message["call"] == "refine":
            prompts = [messages.read_scribbles_message(message, shape)]
        elif message["call"] == "start_from":
            prompts = [self._image, self._box, messages.read_mask_message(message, self._folder)]
        start = perf_counter()
        result = self._call(message["call"], *prompts)
        self._machine_s += perf_counter() - start
        messages.write_result(checked_mask(result, shape), self._image.grid, self._folder)
        seconds = {name: float(value) for name, value in getattr(self._method, "seconds", {}).items()}
        return {"seconds": seconds | {"machine": self._machine_s}, "peak_mb": _peak_mb()}

    def _call(self, name: str, *prompts: Any) -> Any:
        if name == "start":
            return self._method.start(self._image, self._box)
        if name == "base" and self._network:
            return self._network.answer(self._image, self._box)
        return getattr(self._method, name)(*prompts)


def _network(weights: str, device: str) -> Any:
    """The trained network of a weights file; without one None, and torch is not imported."""
    if not weights:
        return None
    from bifseg.networks.trained import TrainedNetwork, checked_device

    return TrainedNetwork.load(Path(weights), checked_device(device))


def _peak_mb() -> dict[str, float]:
    """Highest memory so far of this process and of the GPU that the method uses, in MiB."""
    torch = sys.modules.get("torch")
    gpu = torch.cuda.max_memory_allocated() / 2**20 if torch and torch.cuda.is_available() else 0.0
    return {"rss": round(_peak_bytes() / 2**20, 1), "gpu": round(gpu, 1)}


def _peak_bytes() -> int:
    if sys.platform == "linux":  # rusage would include the parent's memory from before this program began
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


if __name__ == "__main__":
    main()
