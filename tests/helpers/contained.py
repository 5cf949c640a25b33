"""A method for containers, with Python's standard library alone: docs/plugins.md's messages, or /input and /output.

    python3 contained.py [messages | algorithm | snoop | hang | greedy]

It segments what is brighter than the mean intensity of the box or image, and obeys what is drawn.
"""

import json
import os
import struct
import sys
import time
from pathlib import Path

CODES = {2: "B", 4: "h", 8: "i", 16: "f", 64: "d", 512: "H"}


def main() -> None:
    """Play as the first word says."""
    kind = sys.argv[1] if len(sys.argv) > 1 else "messages"
    if kind == "algorithm":
        algorithm()
        return
    for line in sys.stdin:
        message = json.loads(line)
        answer = {}
        if message["call"] == "open":
            answer = {"dimensions": [2, 3], "prompts": ["box", "scribbles"], "adapts": False}
        else:
            respond(message)
        if kind == "snoop" and message["call"] != "open":
            answer = {"error": json.dumps(sights(message))}
        while kind == "hang" and message["call"] != "open":
            time.sleep(1)
        if kind == "greedy" and message["call"] != "open":
            hoard = [bytearray(os.urandom(1) * 2**24) for _ in range(500)]
            answer = {"error": f"{len(hoard)} blocks of memory"}
        print(json.dumps(answer), flush=True)


def respond(message: dict) -> None:
    """Write result.nii for a message."""
    global image, box
    if message["call"] == "start":
        image, box = read("image.nii"), message["box"]
    header, shape, voxels = image
    inside = [
        all(a <= i < b for i, a, b in zip(at, box["lower"], box["upper"], strict=True))
        for at in indices(shape)
    ]
    bright = [value for value, chosen in zip(voxels, inside, strict=True) if chosen]
    mean = sum(bright) / len(bright)
    mask = [value > mean and chosen for value, chosen in zip(voxels, inside, strict=True)]
    if message["call"] == "refine":
        for k, label in enumerate(read("scribbles.nii")[2]):
            mask[k] = mask[k] if label == 0 else label == 1
    header = header[:70] + struct.pack("<hh", 2, 8) + header[74:112] + struct.pack("<ff", 1, 0) + header[120:]
    Path("result.nii").write_bytes(header + bytes(mask))


def read(name: str) -> tuple:
    """Header, shape (z, y, x) and voxels of a NIfTI file."""
    content = Path(name).read_bytes()
    n, *sizes = struct.unpack("<8h", content[40:56])
    code, offset = (
        CODES[struct.unpack("<h", content[70:72])[0]],
        int(struct.unpack("<f", content[108:112])[0]),
    )
    shape = tuple(reversed(sizes[:n]))
    count = 1
    for size in shape:
        count *= size
    return content[:offset], shape, struct.unpack_from(f"<{count}{code}", content, offset)


def indices(shape: tuple) -> list:
    """All indices of an array in its order."""
    places = [()]
    for size in shape:
        places = [(*place, k) for place in places for k in range(size)]
    return places


def algorithm() -> None:
    """The bright part of /input/images/ct with the clicks of /input/lesion-clicks.json."""
    content = next(Path("/input/images/ct").glob("*.mha")).read_bytes()
    header, _, rest = content.partition(b"ElementDataFile = LOCAL\n")
    keys = dict(line.split(" = ") for line in header.decode().splitlines())
    sizes = [int(word) for word in keys["DimSize"].split()]
    voxels = struct.unpack(f"<{len(rest) // 4}f", rest)
    mean = sum(voxels) / len(voxels)
    mask = bytearray(value > mean for value in voxels)
    for point in json.loads(Path("/input/lesion-clicks.json").read_text())["points"]:
        at, step = 0, 1
        for index, size in zip(point["point"], sizes, strict=True):
            at, step = at + index * step, step * size
        mask[at] = point["name"] == "tumor"
    folder = Path("/output/images/lesions")
    folder.mkdir(parents=True, exist_ok=True)
    header = header.replace(b"MET_FLOAT", b"MET_UCHAR") + b"ElementDataFile = LOCAL\n"
    (folder / "result.mha").write_bytes(header + bytes(mask))
    print("a line for the log")


def sights(message: dict) -> dict:
    """What a contained program can reach: paths of the host, the network, its folder, its environment."""
    try:
        links = sorted(os.listdir("/sys/class/net"))
    except OSError:
        links = []
    return {
        "folder": sorted(os.listdir(".")),
        "mounts": sorted(
            line.split()[1]
            for line in Path("/proc/mounts").read_text().splitlines()
            if line.startswith("/dev/v")
        ),
        "links": links,
        "secret": os.environ.get("BIFSEG_SECRET", ""),
        "host": [path for path in message.get("modality", "").split(",") if os.path.exists(path)],
        "memory": memory_limit(),
    }


def memory_limit() -> int:
    """Bytes that the control group allows; 0 if it does not say."""
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        if os.path.exists(path):
            return int(Path(path).read_text().replace("max", "0"))
    return 0


if __name__ == "__main__":
    main()
