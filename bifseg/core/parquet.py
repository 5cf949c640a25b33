"""Parquet files that contain the hash of their own bytes, so that a damaged file is never read.

Parquet has checksums of its pages at most, so a flipped bit may change a number unnoticed. So the table's metadata
hold the SHA-256 of the file, computed with zeros in place of the hash. Files of other programs have no hash, and this
check is skipped for them.
"""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bifseg.core.run_place import misplacement

_KEY, _PLACE_KEY = b"bifseg-sha256", b"bifseg-place"
_NO_HASH = b"0" * 64
_HASH = re.compile(re.escape(_KEY) + rb"..([0-9a-f]{64})", re.DOTALL)
"""The two bytes between key and value hold the kind and the length of the value."""
_AT_ONCE = 8
"""Columns that are read together: more take more memory, and one by one takes three times as long."""


def write_parquet(frame: pd.DataFrame, path: Path, compression: str = "snappy", place: str = "") -> None:
    """Write a table as Parquet, without its index, with its place and the hash of the file.

    Args:
        frame: the table.
        path: the file, which is overwritten.
        compression: codec of the columns.
        place: the only place from which it may be read, as `run_place` returns it; empty: any.

    Raises:
        ValueError: the file has no room for its hash, which is a fault of ours.
    """
    table = pa.Table.from_pandas(frame, preserve_index=False)
    stream = io.BytesIO()
    own = {_PLACE_KEY: place.encode(), _KEY: _NO_HASH}
    marked = table.replace_schema_metadata({**(table.schema.metadata or {}), **own})
    pq.write_table(marked, stream, compression=compression)
    content = stream.getvalue()
    digest = hashlib.sha256(content).hexdigest().encode()
    hash_at = _HASH.search(content)
    if hash_at is None:
        raise ValueError("this version of pyarrow writes metadata in another way")
    Path(path).write_bytes(content[: hash_at.start(1)] + digest + content[hash_at.end(1) :])


def read_parquet(path: Path, place: str = "", categorical: bool = False) -> pd.DataFrame:
    """The table of a Parquet file.

    Args:
        path: the file.
        place: its place, as `run_place` returns it; empty: the place is not checked.
        categorical: whether columns of text become categorical, which a million rows need for time and memory.

    Returns:
        The rows, with the dtypes of the written table.

    Raises:
        OSError: the file is missing or cannot be read.
        ValueError: the file is not Parquet, its bytes changed since it was written, or it belongs to another place.
    """
    content = Path(path).read_bytes()
    hash_at = _HASH.search(content)
    if hash_at:
        before, after = memoryview(content)[: hash_at.start(1)], memoryview(content)[hash_at.end(1) :]
        digest = hashlib.sha256(before)
        for part in (_NO_HASH, after):
            digest.update(part)
        if digest.hexdigest().encode() != hash_at[1]:
            raise ValueError("it was cut off or changed since it was written")
    schema = pq.read_schema(pa.BufferReader(content))
    metadata = schema.metadata or {}
    if _PLACE_KEY in metadata and not hash_at:
        raise ValueError("its hash was changed since it was written")
    if reason := misplacement(metadata.get(_PLACE_KEY, b"").decode(), place):
        raise ValueError(reason)
    if not categorical:
        return pd.read_parquet(io.BytesIO(content), engine="pyarrow")
    words = [
        field.name
        for field in schema
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
    ]
    file = pq.ParquetFile(pa.BufferReader(content), read_dictionary=words)
    columns: dict[str, pd.Series[Any]] = {}
    for start in range(0, len(schema.names), _AT_ONCE):
        columns |= dict(file.read(schema.names[start : start + _AT_ONCE]).to_pandas().items())
    pa.default_memory_pool().release_unused()
    return pd.DataFrame(columns, copy=False)
