"""Parquet files that contain the hash of their own bytes, so that a damaged file is never read.

Parquet has checksums of its pages at most, so a flipped bit may change a number unnoticed. The metadata of the table
contain the SHA-256 of the file, computed with zeros in place of the hash. Files of other programs have no hash and are
read without this check.
"""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

_KEY = b"bifseg-sha256"
_NO_HASH = b"0" * 64
_PLACE = re.compile(re.escape(_KEY) + rb"..([0-9a-f]{64})", re.DOTALL)
"""The two bytes between key and value hold the kind and the length of the value."""


def write_parquet(frame: pd.DataFrame, path: Path, compression: str = "snappy") -> None:
    """Write a table as Parquet, without its index and with the hash of the file.

    Args:
        frame: the table.
        path: the file, which is overwritten.
        compression: codec of the columns.
    """
    table = pa.Table.from_pandas(frame, preserve_index=False)
    stream = io.BytesIO()
    marked = table.replace_schema_metadata({**(table.schema.metadata or {}), _KEY: _NO_HASH})
    pq.write_table(marked, stream, compression=compression)
    content = stream.getvalue()
    digest = hashlib.sha256(content).hexdigest().encode()
    place = _place(content)
    Path(path).write_bytes(content[: place.start(1)] + digest + content[place.end(1) :])


def read_parquet(path: Path) -> pd.DataFrame:
    """The table of a Parquet file.

    Args:
        path: the file.

    Returns:
        The rows, with the dtypes of the written table.

    Raises:
        OSError: the file is missing or cannot be read.
        ValueError: the file is not Parquet, or its bytes changed since it was written.
    """
    content = Path(path).read_bytes()
    place = _PLACE.search(content)
    if place:
        zeroed = content[: place.start(1)] + _NO_HASH + content[place.end(1) :]
        if hashlib.sha256(zeroed).hexdigest().encode() != place[1]:
            raise ValueError("it was cut off or changed since it was written")
    return pd.read_parquet(io.BytesIO(content), engine="pyarrow")


def _place(content: bytes) -> re.Match[bytes]:
    place = _PLACE.search(content)
    if place is None:
        raise ValueError("this version of pyarrow writes metadata in another way")
    return place
