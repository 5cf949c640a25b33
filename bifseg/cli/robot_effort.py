"""`bifseg robot effort`: seconds per stroke, fitted to people's time stamps."""

from __future__ import annotations

import typer

from bifseg.cli.options import naming
from bifseg.cli.robot_shift import Recordings
from bifseg.core.wording import counted


def effort(recordings: Recordings) -> None:
    """Fit the seconds per stroke to recordings with time stamps, and print them with those that predictions assume."""
    import numpy as np
    from tabulate import tabulate

    from bifseg.robot.effort import ASSUMED
    from bifseg.robot.people.pace import PACE, fit_pace
    from bifseg.robot.people.recordings import read_recordings

    recorded = read_recordings(recordings)
    with naming(recordings):
        pace = fit_pace(recorded)
    still = ASSUMED.think_s + ASSUMED.point_s + ASSUMED.press_s
    assumed = {"draw_s": ASSUMED.draw_s, "draw_s_cm": ASSUMED.draw_s_cm * ASSUMED.zoom, "pause_s": still}
    rows = [
        [
            name,
            f"{value:.2f}",
            f"{low:.2f} to {high:.2f}" if np.isfinite(low) else "",
            f"{assumed[name]:.2f}" if name in assumed else "",
            PACE[name],
        ]
        for name, value, low, high in pace[["name", "value", "low", "high"]].itertuples(index=False)
    ]
    typer.echo(tabulate(rows, ["", "fitted", "95 % interval", "assumed", "meaning"], disable_numparse=True))
    drawings = int(pace.n_drawings.iloc[0])
    no_interval = ": no interval" if drawings == 1 else ""
    typer.echo(
        f"{counted(int(pace.n_strokes.iloc[0]), 'stroke')}, {counted(drawings, 'drawing')}{no_interval}"
    )
