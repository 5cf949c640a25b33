"""Tables are read back unchanged, changed bytes are refused, and foreign files are read."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bifseg.core.parquet import read_parquet, write_parquet

FRAME = pd.DataFrame(
    {"name": ["a", "患者", ""], "dice": [0.5, np.nan, 1.0], "round": [0, 1, 2], "seen": [True, False, True]}
).astype({"name": "str"})


@pytest.mark.parametrize("compression", ["snappy", "zstd"])
def test_a_table_is_read_back(tmp_path, compression):
    write_parquet(FRAME, tmp_path / "t.parquet", compression)
    pd.testing.assert_frame_equal(read_parquet(tmp_path / "t.parquet"), FRAME)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), FRAME)


@pytest.mark.parametrize("kind", ["string", "large_string"])
def test_text_is_read_as_categories(tmp_path, kind):
    columns = {"name": pa.array(FRAME["name"].tolist(), kind), "round": FRAME["round"]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    frame = read_parquet(tmp_path / "t.parquet", categorical=True)
    assert isinstance(frame["name"].dtype, pd.CategoricalDtype)
    pd.testing.assert_frame_equal(frame.astype({"name": "str"}), FRAME[["name", "round"]])


def test_equal_tables_are_equal_files(tmp_path):
    for name in "ab":
        write_parquet(FRAME, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_flipped_bit_is_refused(tmp_path):
    write_parquet(FRAME, tmp_path / "t.parquet")
    content = (tmp_path / "t.parquet").read_bytes()
    noticed = 0
    for at in range(0, len(content), 7):
        (tmp_path / "bad").write_bytes(
            content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :]
        )
        try:
            pd.testing.assert_frame_equal(read_parquet(tmp_path / "bad"), FRAME)
        except (OSError, ValueError):
            noticed += 1
    assert noticed > 0.9 * len(range(0, len(content), 7))  # all but those in the hash's own name


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path, share):
    write_parquet(FRAME, tmp_path / "t.parquet")
    content = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(content[: int(share * len(content))])
    with pytest.raises((OSError, ValueError)):
        read_parquet(tmp_path / "t.parquet")


def test_foreign_parquet_files_are_read(tmp_path):
    FRAME.to_parquet(tmp_path / "t.parquet", index=False)
    pd.testing.assert_frame_equal(read_parquet(tmp_path / "t.parquet"), FRAME)
