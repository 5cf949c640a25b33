from matplotlib.image import imread

from bifseg.robot.picture import draw


def test_the_picture_is_small_and_coloured(tmp_path):
    path = tmp_path / "robot.png"
    draw(path)
    assert path.stat().st_size < 150_000
    red, green = (imread(path)[..., k] for k in (0, 1))
    assert (red - green > 0.3).any()  # foreground strokes
    assert (green - red > 0.3).any()  # background strokes
