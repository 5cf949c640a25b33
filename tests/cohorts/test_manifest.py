from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bifseg.cohorts.manifest import (
    COLUMNS,
    OPTIONAL,
    SPLITS,
    ManifestRow,
    first_lines,
    manifest_text,
    parse_manifest,
)
from bifseg.core.errors import InputError

ROW = {
    "case": "c1",
    "image": "a/c1.nii.gz",
    "label": "a/l1.nii.gz",
    "label_values": "3,1",
    "structure": "core",
    "modality": "t1c",
    "split": "train",
    "group": "p7",
}


def read(path, root):
    manifest = parse_manifest(path, root)
    assert not manifest.problems
    return manifest.rows


def lines(tree, *rows, columns=COLUMNS):
    tree.rows, tree.columns = list(rows), list(columns)
    return [str(problem) for problem in parse_manifest(tree.write(), tree.root).problems]


def test_columns_may_have_any_order(tree):
    tree.rows, tree.columns = [ROW, ROW | {"case": "c2", "group": ""}], list(reversed(COLUMNS))
    first, second = read(tree.write(), tree.root)
    assert first == ManifestRow(2, "c1", "a/c1.nii.gz", "a/l1.nii.gz", (1, 3), "core", "t1c", "train", "p7")
    assert (second.line, second.group) == (3, "c2")  # without a group the case is its own


def test_byte_order_mark_and_quoted_lists_of_a_spreadsheet_are_read(tree):
    text = "\t".join(COLUMNS) + '\r\nc1\ti.nii\tl.nii\t"1,3"\tcore\tt1c\ttrain\t\r\n'
    tree.path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read(tree.path, tree.root)[0].label_values == (1, 3)


def test_extra_columns_are_ignored_with_a_note(tree):
    tree.rows, tree.columns = [ROW | {"scanner": "x"}], [*COLUMNS, "scanner"]
    manifest = parse_manifest(tree.write(), tree.root)
    assert not manifest.problems
    assert [str(note) for note in manifest.notes] == [
        f"{tree.path}:1: scanner: not a column of a manifest; ignored"
    ]


def test_optional_columns_are_read(tree):
    tree.rows = [ROW | {"channel": "2", "raters": "a/r1.nii.gz, a/../r2.nii.gz"}, ROW | {"case": "c2"}]
    tree.columns = [*COLUMNS, *OPTIONAL]
    first, second = read(tree.write(), tree.root)
    assert (first.channel, first.raters) == (2, ("a/r1.nii.gz", "r2.nii.gz"))
    assert (second.channel, second.raters) == (None, ())
    assert not parse_manifest(tree.path, tree.root).notes


@pytest.mark.parametrize(
    ("key", "value", "remedy"),
    [
        ("channel", "flair", "'flair' is not the number of a channel; write 0 for the first"),
        ("channel", "-1", "'-1' is not the number"),
        ("channel", "1.0", "'1.0' is not the number"),
        ("raters", "a/r1.nii.gz,../r2.nii.gz", "'../r2.nii.gz' is not a file inside the root"),
        ("raters", "a/r1.nii.gz,", "'' is not a file inside the root"),
    ],
)
def test_each_wrong_optional_cell_is_one_problem(tree, key, value, remedy):
    (line,) = lines(tree, ROW, ROW | {key: value}, columns=[*COLUMNS, *OPTIONAL])
    assert line.startswith(f"{tree.path}:3: {key}: ")
    assert remedy in line


def test_an_optional_column_twice_is_a_problem(tree):
    (line,) = lines(tree, ROW, columns=[*COLUMNS, "raters", "raters"])
    assert line.startswith(f"{tree.path}:1: raters: more than one such column")


names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,8}", fullmatch=True)
words = st.text("aZ09 _-'\"#é\u00b2", min_size=1, max_size=8).map(str.strip).filter(bool)
paths = st.lists(words.filter(lambda w: "," not in w), min_size=1, max_size=3).map("/".join)
paths = st.builds(
    "".join, st.tuples(st.sampled_from(["", " "]), paths)
)  # a folder's name may begin with a blank
rows = st.builds(
    ManifestRow,
    line=st.just(0),
    case=names,
    image=paths,
    label=paths,
    label_values=st.sets(st.integers(1, 500), min_size=1).map(sorted).map(tuple),
    structure=names,
    modality=words,
    split=st.sampled_from(SPLITS),
    group=words,
    channel=st.none() | st.integers(0, 9),
    raters=st.lists(paths, max_size=3).map(tuple),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(rows, min_size=1, max_size=4))
def test_written_rows_are_read_back(tmp_path, rows_written):
    (tmp_path / "m.tsv").write_text(manifest_text(rows_written), encoding="utf-8")
    rows_read = read(tmp_path / "m.tsv", tmp_path)
    assert [replace(row, line=0) for row in rows_read] == rows_written


def test_unused_columns_are_not_written():
    row = ManifestRow(0, "c1", "i", "l", (1, 3), "core", "t1c", "test", "p")
    assert manifest_text([row]).splitlines()[0].split("\t") == list(COLUMNS)
    assert manifest_text([row, replace(row, channel=0)]).splitlines()[0].split("\t") == [*COLUMNS, "channel"]


@pytest.mark.parametrize("missing", COLUMNS)
def test_each_missing_column_is_a_problem(tree, missing):
    (line,) = lines(tree, ROW, columns=[name for name in COLUMNS if name != missing])
    assert line.startswith(f"{tree.path}:1: {missing}: no such column; write one each of case ")


def test_a_column_twice_is_a_problem(tree):
    (line,) = lines(tree, ROW, columns=[*COLUMNS, "split"])
    assert line.startswith(f"{tree.path}:1: split: more than one such column; write one each of")


@pytest.mark.parametrize("key", [name for name in COLUMNS if name != "group"])
def test_each_empty_cell_is_a_problem(tree, key):
    assert lines(tree, ROW | {key: " "}) == [f"{tree.path}:2: {key}: empty; only 'group' may be left empty"]


@pytest.mark.parametrize(
    ("key", "value", "remedy"),
    [
        ("split", "tset", "'tset' is not a split; write train, validation or test"),
        ("label_values", "1,-2", "'1,-2' is not a list of positive integers; write them as 1,3,4"),
        ("label_values", "0", "'0' is not a list of positive integers"),
        ("label_values", "1.0", "'1.0' is not a list of positive integers"),
        ("label_values", "1;3", "'1;3' is not a list of positive integers"),
        ("structure", "tumour core", "'tumour core' is not a name; use up to 120 bytes of letters, digits"),
        ("case", "../c1", "'../c1' is not a name; use up to 120 bytes of letters, digits"),
        ("image", "../out.nii", "'../out.nii' is not a file inside the root"),
        ("label", "a/../../out.nii", "'a/../../out.nii' is not a file inside the root"),
        ("image", "/etc/passwd", "move the file or change the card's 'root'"),
        ("image", "a/..", "'a/..' is not a file inside the root"),
    ],
)
def test_each_wrong_cell_is_one_problem_with_key_value_and_remedy(tree, key, value, remedy):
    (line,) = lines(tree, ROW, ROW | {key: value})
    assert line.startswith(f"{tree.path}:3: {key}: ")
    assert remedy in line


def test_a_sibling_folder_with_the_root_s_prefix_is_outside(tree):
    (line,) = lines(tree, ROW | {"image": f"{tree.root}-2/i.nii"})
    assert "is not a file inside the root" in line


def test_an_absolute_path_inside_the_root_is_made_relative(tree):
    assert not lines(tree, ROW | {"image": str(tree.root / "b" / "i.nii")})
    assert read(tree.path, tree.root)[0].image == "b/i.nii"


def test_a_link_inside_the_root_may_lead_outside(tree, tmp_path):
    (tmp_path / "scratch").mkdir()
    (tree.root / "a").symlink_to(tmp_path / "scratch")
    assert not lines(tree, ROW)


def test_all_wrong_cells_of_a_row_are_found(tree):
    problems = lines(tree, ROW | {"split": "x", "label_values": "y", "image": "../z"})
    assert [line.split(": ")[1] for line in problems] == ["image", "label_values", "split"]


def test_cells_beyond_the_header_are_a_problem(tree):
    tree.path.write_text("\t".join(COLUMNS) + "\n" + "\t".join(ROW.values()) + "\textra\n")
    (problem,) = parse_manifest(tree.path, tree.root).problems
    assert str(problem).startswith(f"{tree.path}:2: row: ['extra'] lie beyond the last column; remove")


def test_a_short_row_has_empty_cells(tree):
    tree.path.write_text("\t".join(COLUMNS) + "\nc1\ti.nii\n")
    keys = [problem.key for problem in parse_manifest(tree.path, tree.root).problems]
    assert keys == ["label", "label_values", "structure", "modality", "split"]


def test_no_rows_are_a_problem(tree):
    assert lines(tree) == [f"{tree.path}: case: no rows; write one row per case and structure"]


def test_many_problems_are_shortened_to_count_and_first_lines(tree):
    tree.rows = [ROW | {"split": f"s{k}"} for k in range(7)]
    message_lines = first_lines(tree.path, parse_manifest(tree.write(), tree.root).problems).splitlines()
    assert message_lines[0] == f"{tree.path}: 7 problems"
    assert message_lines[1].startswith(f"{tree.path}:2: split: 's0'")
    assert len(message_lines) == 6


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), (b"\xff\xfe", "UTF-8"), (b'case\n"c1\tx\n', "UTF-8 TSV")],
)
def test_a_file_that_is_not_a_table_is_refused(tree, content, message):
    if content is not None:
        tree.path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        parse_manifest(tree.path, tree.root)
