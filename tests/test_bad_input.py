"""Whatever is wrong with a card, a manifest or an image: one clear line, and nothing else."""

import copy
import math
import random

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bifseg.cards.cards import CohortCard, MethodCard, NetworkCard, ProtocolCard, read_card
from bifseg.cards.run import RunCard, checked_run
from bifseg.cli.main import main
from bifseg.cohorts.checks import check_manifest
from bifseg.cohorts.files import inspect_image, inspect_label_map
from bifseg.cohorts.manifest import COLUMNS, OPTIONAL
from bifseg.core.errors import InputError
from bifseg.core.geometry import Grid
from bifseg.core.images import write_array

KINDS = {"cohorts": CohortCard, "networks": NetworkCard, "methods": MethodCard, "protocols": ProtocolCard}
CARDS = {
    "cohorts": {"dimension": 3, "manifest": "m.tsv", "root": "data", "seen": ["core"], "unseen": ["whole"]},
    "networks": {
        "architecture": "pnet",
        "settings": {"channels": 8},
        "training": {"iterations": 5, "batch": 2},
    },
    "methods": {"method": "bifseg", "settings": {"omega": 2.0}, "plays": {"dimensions": [2, 3]}},
    "protocols": {"policy": "centre-line/1", "rounds": 3, "target": 0.9, "scribbles_on": "current"},
}
RUN = {"run": "r", "seed": 1, "shards": 2, "cohorts": {"c": {"networks": ["n"], "protocols": {"p": ["m@n"]}}}}
ODD = st.sampled_from(
    [
        *(
            None,
            True,
            "",
            " ",
            "x" * 3000,
            "a\nb",
            "../../etc/passwd",
            "/dev/zero",
            "!!python/object:os.system",
        ),
        *(-1, 0, 10**30, -0.5, math.inf, math.nan, [], {}, [[]], [None], ["a", 1], {"a": {"b": 1}}, {1: 2}),
    ]
)


def places(value, way=()):
    """Every way into nested dicts and lists."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield (*way, key)
        yield from places(item, (*way, key))


@st.composite
def damaged(draw, good):
    """A copy with something in it replaced, removed, or added."""
    content = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        ways = list(places(content)) or [("new",)]
        way = draw(st.sampled_from(ways))
        inside = content
        for key in way[:-1]:
            inside = inside[key]
        kind = draw(st.sampled_from(["replace", "remove", "add"]))
        if kind == "replace":
            inside[way[-1]] = copy.deepcopy(draw(ODD))
        elif kind == "remove" and way[-1] in (inside if isinstance(inside, dict) else range(len(inside))):
            del inside[way[-1]]
        else:
            content["key_that_is_not_one"] = copy.deepcopy(draw(ODD))
    return content


def one_line(error, *names):
    text = str(error)
    assert "\n" not in text
    assert 0 < len(text) < 4000
    assert all(name in text for name in names)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
def test_damaged_cards_are_read_or_refused_in_one_line(tmp_path, kind, data):
    path = tmp_path / "card.yaml"
    path.write_text(yaml.safe_dump(data.draw(damaged(CARDS[kind]))))
    try:
        read_card(KINDS[kind], path)
    except InputError as error:
        one_line(error, "card.yaml")


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.one_of(st.text(max_size=60), st.binary(max_size=60)))
@example(text="!!python/object/apply:os.system ['touch pwned']")
@example(text="a: &a [*a]")
@example(text="? {}\n: b")
@example(text="- 1\n- 2")
@example(text=b"\xff\xfe\x00")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_any_content_of_a_card_is_refused_in_one_line(tmp_path, kind, text):
    path = tmp_path / "card.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    if kind == "protocols":  # all of whose keys have defaults
        return
    with pytest.raises(InputError) as raised:
        read_card(KINDS[kind], path)
    one_line(raised.value, "card.yaml")
    assert not list(tmp_path.glob("pwned"))


COMMANDS = {
    "cohorts": "cohort prepare {card} --out {out}",
    "networks": "train {card} --cohort nowhere --out {out}",
    "methods": "run {card} --cohort nowhere --protocol nowhere.yaml --out {out}",
    "protocols": "run nowhere.yaml --cohort nowhere --protocol {card} --out {out}",
}


@pytest.mark.parametrize("kind", COMMANDS)
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_commands_end_with_code_2_and_one_line_and_write_nothing(tmp_path, monkeypatch, capsys, kind, data):
    """The card names missing files, so that every command fails."""
    monkeypatch.chdir(tmp_path)
    path, out = tmp_path / "card.yaml", tmp_path / "out"
    path.write_text(yaml.safe_dump(data.draw(damaged(CARDS[kind]))))
    monkeypatch.setattr("sys.argv", ["bifseg", *COMMANDS[kind].format(card=path, out=out).split()])
    with pytest.raises(SystemExit) as raised:
        main()
    captured = capsys.readouterr()
    assert raised.value.code == 2
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert [place.name for place in tmp_path.iterdir()] == ["card.yaml"]


@given(config=damaged(RUN))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
def test_damaged_configurations_are_refused_in_one_line(tmp_path, config):
    """There are no cards, so that every configuration is refused."""
    with pytest.raises(InputError) as raised:
        checked_run(config | {"cards": str(tmp_path)} if "cards" not in config else config)
    one_line(raised.value)


def test_the_undamaged_configuration_is_valid():
    assert RunCard(**RUN).shards == 2


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder with an image and its label map in every format."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for ending in ("nii", "nii.gz", "mha", "nrrd"):
        grid = Grid.plain((6, 7, 8), (2.0, 1.0, 1.0))
        write_array(folder / f"image.{ending}", rng.normal(0, 1, grid.shape).astype(np.float32), grid)
        write_array(folder / f"label.{ending}", (rng.random(grid.shape) < 0.5).astype(np.uint8), grid)
    return folder


CELL = st.one_of(
    st.sampled_from(
        ["", " ", "case 1", "../case", "image.nii", "label.nii", "nowhere.nii", "/etc/passwd", "test"]
    ),
    st.sampled_from(
        ["1", "1,2", "0", "-1", "1.5", "9" * 30, "tset", "train", ".", "x" * 300, "a\u202eb", "café", "1;2"]
    ),
)


@given(
    columns=st.lists(st.sampled_from([*COLUMNS, *OPTIONAL, "extra"]), min_size=0, max_size=11),
    rows=st.lists(st.lists(CELL, max_size=11), max_size=4),
    whole=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_any_cells_of_a_manifest_have_one_line_problems(images, columns, rows, whole):
    columns = [*COLUMNS, *OPTIONAL] if whole else columns
    path = images / "manifest.tsv"
    path.write_text("\n".join("\t".join(cells) for cells in [columns, *rows]) + "\n", encoding="utf-8")
    try:
        report = check_manifest(path, images, 3)
    except InputError as error:
        one_line(error, "manifest.tsv")
        return
    for problem in report.problems:
        one_line(problem)
    assert report.problems or rows
    assert " problem" in report.summary()


@given(content=st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_content_of_a_manifest_is_refused_in_one_line(images, content):
    path = images / "manifest.tsv"
    path.write_bytes(content)
    try:
        report = check_manifest(path, images, 2)
    except InputError as error:
        one_line(error, "manifest.tsv")
    else:
        assert report.problems


@pytest.mark.parametrize("ending", ["nii", "nii.gz", "mha", "nrrd"])
@pytest.mark.parametrize("kind", ["image", "label"])
def test_damaged_images_are_refused_in_one_line(images, tmp_path, ending, kind):
    """Images truncated at many places or with changed bytes are refused or still read."""
    intact = (images / f"{kind}.{ending}").read_bytes()
    look = {"image": inspect_image, "label": inspect_label_map}[kind]
    rng, path = random.Random(0), tmp_path / f"broken.{ending}"
    grid = look(images / f"{kind}.{ending}").grid
    for share in [k / 40 for k in range(40)]:
        path.write_bytes(intact[: int(share * len(intact))])
        file = look(path)
        assert file.problems, f"cut off at {share}"
        for problem in file.problems:
            one_line(problem)
    for _ in range(40):
        spoilt_bytes = bytearray(intact)
        for at in rng.sample(range(min(len(intact), 352)), 2):
            spoilt_bytes[at] = rng.randrange(256)
        path.write_bytes(spoilt_bytes)
        file = look(path)
        assert file.grid is not None or file.problems
        for problem in file.problems:
            one_line(problem)
    assert grid is not None
