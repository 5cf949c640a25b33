import numpy as np
import pytest
from drawn_by_people import log, table
from typer.testing import CliRunner

from bifseg.cli.robot import app
from bifseg.core.errors import InputError
from bifseg.core.geometry import Grid
from bifseg.core.scribbles import Stroke
from bifseg.robot.people.pace import fit_pace
from bifseg.robot.people.recordings import Recorded, Timed

GRID = Grid.plain((50, 200))


def drawn(lengths, start=0.0, pause=1.5, noise=0.0, seed=0):
    """Strokes of 0.8 s and 0.3 s a cm with a pause between them."""
    strokes, now, rng = [], start, np.random.default_rng(seed)
    for mm in lengths:
        path = np.array([[5.0, 3.0], [5.0, 3.0 + mm]])
        end = now + 0.8 + 0.03 * mm + noise * rng.standard_normal()
        strokes.append(Timed(Stroke(True, path, path.astype(int)), now, end))
        now = end + pause
    return tuple(strokes)


def recorded(*drawings):
    people = {f"p{k}": strokes for k, strokes in enumerate(drawings)}
    return [Recorded("CT", "a", None, None, None, GRID, people)]


def test_fixed_part_part_a_cm_and_pause_are_found():
    pace = fit_pace(recorded(drawn([20, 40, 90]), drawn([10, 120]))).set_index("name")
    assert pace.value["draw_s"] == pytest.approx(0.8)
    assert pace.value["draw_s_cm"] == pytest.approx(0.3)
    assert pace.value["pause_s"] == pytest.approx(1.5)
    assert pace.value["stroke_s"] == pytest.approx(0.8 + 1.2)
    assert (pace.n_strokes == 5).all()


def test_the_order_of_the_file_does_not_matter_and_overlapping_strokes_have_no_pause():
    strokes = drawn([20, 40, 90])
    assert fit_pace(recorded(strokes[::-1])).equals(fit_pace(recorded(strokes)))
    together = fit_pace(recorded(drawn([20, 40, 90], pause=-0.5))).set_index("name")
    assert together.value["pause_s"] == 0


def test_the_interval_is_over_drawings():
    many = recorded(*(drawn([20, 40, 90, 150], noise=0.3, seed=k) for k in range(8)))
    pace = fit_pace(many).set_index("name")
    assert pace.low["draw_s_cm"] < 0.3 < pace.high["draw_s_cm"]
    assert np.isnan(fit_pace(recorded(drawn([20, 40, 90]))).low).all()


def test_without_time_stamps_effort_cannot_be_fitted():
    untimed = tuple(Timed(t.stroke) for t in drawn([20, 40, 90]))
    with pytest.raises(InputError, match="0 strokes have time stamps: seconds per stroke cannot be fitted"):
        fit_pace(recorded(untimed))


def test_the_command_prints_the_numbers(tmp_path):
    drawing = log([[5.0, -7.0, 11.0], [9.0, -7.0, 11.0]], [0.0, 1.0])
    drawing["strokes"] += log([[5.0, -5.0, 11.0], [13.0, -5.0, 11.0]], [2.0, 4.0])["strokes"]
    drawing["strokes"] += log([[5.0, -3.0, 11.0], [17.0, -3.0, 11.0]], [5.0, 8.0])["strokes"]
    source = table(tmp_path, {"anna": drawing})
    assert CliRunner().invoke(app, ["record", str(source), "--out", str(tmp_path / "r.json")]).exit_code == 0
    output = CliRunner().invoke(app, ["effort", str(tmp_path / "r.json")]).output
    assert "draw_s_cm  2.50" in " ".join(output.split()).replace("draw_s_cm ", "draw_s_cm  ")
    assert "3 strokes, 1 drawing: no interval" in output
    assert "nan" not in output
    assert " 2.65 " in output  # seconds that are assumed between two strokes
