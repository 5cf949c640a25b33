"""The program that plays an algorithm of grand-challenge.org: it starts the container anew for each result.

`programs` starts it with the words of the command that runs the container, which sees two folders: /input, which it
can only read, and /output. The card's `settings` name what is in them; docs/plugins.md has the keys. The container's
output is foreign: it is read without following links, and only as one MetaImage file of the image's size.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
from pydantic import Field, ValidationError

from bifseg.cards.card import Card
from bifseg.cards.cards import first_problem
from bifseg.core.geometry import Grid, Image, Mask
from bifseg.core.grid_differences import differences
from bifseg.core.images import read_array, read_grid, write_array
from bifseg.core.removal import remove_tree
from bifseg.core.scribbles import Scribbles
from bifseg.methods.process import messages

OWN = "own"
"""In `settings.images`, the structure's own channel."""
_SAFE = r"^[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*$"
_DATA_FILE = re.compile(rb"^[ \t]*ElementDataFile[ \t]*[=:](.*?)$", re.MULTILINE)
_HEADER_ROOM = 2**16
_BYTES = 8
_PRINTS = 10_000
"""Bytes of an algorithm's prints that are shown: the last."""


class AlgorithmSettings(Card):
    """Files and folders of /input and /output.

    Attributes:
        images: channel by folder of /input; `own` is the structure's own channel.
        clicks: file of /input with the drawn voxels, a "Multiple points" object.
        names: of points on the object and on the background.
        previous: folder of /input that gets the result before; None: the algorithm does not get it.
        result: folder of /output with the mask.
    """

    images: dict[Annotated[str, Field(pattern=_SAFE)], str] = Field(
        default={"images/image": OWN}, min_length=1
    )
    clicks: str = Field("lesion-clicks.json", pattern=_SAFE)
    names: tuple[str, str] = ("tumor", "background")
    previous: str | None = Field(None, pattern=_SAFE)
    result: str = Field(pattern=_SAFE)


class Algorithm:
    """An algorithm and the session that it plays.

    Args:
        run: words of the command that runs its container.
        settings: of the card.
    """

    def __init__(self, run: list[str], settings: dict[str, Any]) -> None:
        self._run, self._settings = run, AlgorithmSettings(**settings)
        self._folder = Path.cwd()
        self._input, self._output = self._folder / "input", self._folder / "output"

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to a message; the result goes to a file.

        Args:
            message: its `call` is start, start_from or refine.

        Returns:
            Seconds since `start`.

        Raises:
            ValueError: the algorithm failed, or its result cannot be used.
        """
        if message["call"] in ("start", "start_from"):
            self._image, self._box = messages.read_image_message(message, self._folder)
            self._seconds, self._before = 0.0, None
            if message["call"] == "start_from":
                self._before = messages.read_mask_message(message, self._folder)
            drawn = Scribbles(self._image.grid.shape)
        else:
            drawn = messages.read_scribbles_message(message, self._image.grid.shape)
        self._write_input(self._image, drawn)
        start = perf_counter()
        _run(self._run)
        self._seconds += perf_counter() - start
        mask = self._read_output()
        self._before = mask
        window = messages.write_result(mask, self._image.grid, self._folder, self._box)
        return {"seconds": {"machine": self._seconds}} | window

    def _write_input(self, image: Image, drawn: Scribbles) -> None:
        """Fill /input and empty /output."""
        for folder in (self._input, self._output):
            remove_tree(folder)
            folder.mkdir()
        (self._output / self._settings.result).mkdir(parents=True)
        for folder_name, channel in self._settings.images.items():
            voxels = image.voxels if channel == OWN else image.channels[channel]
            _write(self._input / folder_name / "image.mha", voxels, image.grid)
        if self._settings.previous and self._before is not None:
            path = self._input / self._settings.previous / "image.mha"
            _write(path, self._before.astype(np.uint8), image.grid)
        clicks = self._input / self._settings.clicks
        clicks.parent.mkdir(parents=True, exist_ok=True)
        clicks.write_text(json.dumps(multiple_points(drawn, self._settings.names)))

    def _read_output(self) -> Mask:
        """The mask in /output, inside the box."""
        shape = self._image.grid.shape
        content = _only_file(self._output, self._settings.result, _HEADER_ROOM + _BYTES * int(np.prod(shape)))
        data = next(iter(_DATA_FILE.findall(content[:_HEADER_ROOM])), b"")
        if data.strip() != b"LOCAL" or content.count(b"ElementDataFile") != 1:
            raise ValueError("the algorithm's result is no MetaImage file (.mha) with its voxels in it")
        with tempfile.TemporaryDirectory(dir=self._folder.parent) as private:
            path = Path(private) / "result.mha"
            path.write_bytes(content)
            if (stored := read_grid(path).shape) != shape:
                raise ValueError(f"the algorithm's result must have the image's shape {shape}, has {stored}")
            voxels, grid = read_array(path)
        _check_grid(grid, self._image.grid)
        inside = np.zeros(shape, bool)
        inside[self._box.slices] = voxels[self._box.slices] != 0
        return inside


def multiple_points(drawn: Scribbles, names: tuple[str, str]) -> dict[str, Any]:
    """Drawn voxels as an object "Multiple points" of grand-challenge.org.

    Args:
        drawn: all scribbles or points so far.
        names: of points on the object and on the background.

    Returns:
        A point for each drawn voxel in drawing order, as index (x, y, z) or (x, y), as autoPET's baselines read them.
    """
    points = [
        {"point": [int(index) for index in voxel[::-1]], "name": names[not stroke.foreground]}
        for stroke in drawn.strokes
        for voxel in stroke.voxels
    ]
    return {"type": "Multiple points", "points": points, "version": {"major": 1, "minor": 0}}


def _check_grid(result: Grid, image: Grid) -> None:
    """Refuse a result that states another grid than the image; one without a grid has the image's voxels."""
    unequal = list(differences(messages.flat(image), result))
    if unequal and any(differences(Grid.plain(result.shape), result)):
        raise ValueError(
            f"the algorithm's result lies on another grid than the image: {'; '.join(unequal)}; write it with the "
            "image's origin, spacing and direction"
        )


def _write(path: Path, voxels: Any, grid: Grid) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_array(path, voxels, messages.flat(grid), durable=False)


def _run(words: list[str]) -> None:
    prints = b""
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout
        while part := os.read(process.stdout.fileno(), 2**16):
            prints = (prints + part)[-_PRINTS:]
    sys.stderr.write(prints.decode(errors="replace"))
    if process.returncode:
        last = prints.decode(errors="replace").strip().splitlines()[-1:] or [""]
        reason = "out of memory: " if process.returncode == 137 else ""
        raise ValueError(f"{reason}the algorithm ended with exit code {process.returncode}: {last[0][:200]}")


def _only_file(root: Path, folder: str, most: int) -> bytes:
    """The content of the only .mha file in a folder that a foreign program wrote; no link is followed."""
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    handles = [handle]
    try:
        for part in Path(folder).parts:
            handles.append(os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handles[-1]))
        names = [name for name in os.listdir(handles[-1]) if name.endswith(".mha")]
        if len(names) != 1:
            raise ValueError(f"/output/{folder} must hold one .mha file, holds {len(names)}")
        handles.append(os.open(names[0], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=handles[-1]))
        facts = os.fstat(handles[-1])
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1 or facts.st_size > most:
            raise ValueError(f"/output/{folder}/{names[0][:60]} is no plain file of a mask's size")
        with os.fdopen(os.dup(handles[-1]), "rb") as stream:
            return stream.read(most)
    except OSError as error:
        raise ValueError(f"/output/{folder} cannot be read: {error.strerror}") from error
    finally:
        for opened in handles:
            os.close(opened)


def main() -> None:
    """Answer messages until the input ends."""
    algorithm: Algorithm | None = None
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if algorithm is None:
                algorithm = Algorithm(sys.argv[1:], message["settings"])
                plays = message["plays"]
                answer = {key: plays[key] for key in ("dimensions", "prompts")} | {"adapts": False}
            else:
                answer = algorithm.answer(message)
        except ValidationError as error:
            answer = {"bad_input": f"settings.{first_problem(error)}"}
        except (ValueError, KeyError, OSError) as error:
            answer = {"error": " ".join(f"{error}".split())}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
