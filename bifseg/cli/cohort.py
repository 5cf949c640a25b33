"""`bifseg cohort`: turns images and labels into a checked list of objects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bifseg.cli import cohort_from
from bifseg.cli.options import OutFolder, Seed
from bifseg.cli.progress import tracked
from bifseg.core.errors import short
from bifseg.core.wording import counted

app = typer.Typer(help="Make and check manifests, and prepare cohorts.", no_args_is_help=True)
app.command("from")(cohort_from.cohort_from)


@app.command()
def prepare(
    card: Annotated[Path, typer.Argument(help="cohort card, config/cohorts/NAME.yaml", show_default=False)],
    out: OutFolder,
    seed: Seed = 2018,
) -> None:
    """Check (or simulate) a cohort and list its objects in OUT/objects.tsv."""
    from bifseg.cards.cards import CohortCard, read_card
    from bifseg.cohorts.cohort import Cohort
    from bifseg.cohorts.preparation import prepare as prepare_cohort
    from bifseg.cohorts.simulated import SIMULATORS

    prepare_cohort(read_card(CohortCard, card), card, seed, out, SIMULATORS, tracked(card.stem))
    if small := Cohort.load(out).left_out:
        typer.echo(
            f"left out: {len(small)} of the objects, such as {short(small[0].object)}: {small[0].left_out}; "
            f"{out / 'objects.tsv'} lists them"
        )


@app.command()
def check(
    path: Annotated[
        Path,
        typer.Argument(
            help="cohort card, or a TSV with a row for each case and structure", show_default=False
        ),
    ],
    root: Annotated[
        Path | None, typer.Option(help="for a TSV: folder that its paths start from; default: its own folder")
    ] = None,
    dimension: Annotated[
        int, typer.Option(min=2, max=3, help="for a TSV: the dimension of the objects, 2 or 3")
    ] = 3,
) -> None:
    """Print a line for each problem of a manifest and its images; exit code 2 if there are any."""
    from bifseg.cards.cards import CohortCard, read_card
    from bifseg.cohorts.checks import check_cohort, check_manifest
    from bifseg.cohorts.preparation import places

    if path.suffix in (".yaml", ".yml"):
        card = read_card(CohortCard, path)
        report = check_cohort(*places(card, path), card, path, tracked("checking"))
    else:
        report = check_manifest(path, root or path.parent, dimension, progress=tracked("checking"))
    for problem in report.problems:
        typer.echo(short(str(problem), 300), err=True)
    typer.echo(report.summary())
    raise typer.Exit(2 if report.problems else 0)


@app.command()
def overlap(
    first: Annotated[Path, typer.Argument(help="folder of a prepared cohort", show_default=False)],
    second: Annotated[
        Path, typer.Argument(help="folder of another one, or of a trained network", show_default=False)
    ],
) -> None:
    """List images of FIRST that show the content of an image of SECOND; exit code 1 if there are any.

    Copies that were renamed, resampled, cropped, scaled in intensity or stored flipped are found.
    """
    from bifseg.cohorts.content import is_comparable
    from bifseg.cohorts.content_file import contents_in
    from bifseg.cohorts.content_file import overlap as overlapping

    contents = contents_in(first), contents_in(second)
    pairs = overlapping(*contents)
    for one, other in pairs:
        typer.echo(f"{one} shows the same as {other}")
    small = sum(not is_comparable(prints) for part in contents for prints in part.values())
    small_text = f"; {counted(small, 'image')} too small or too plain to compare" if small else ""
    pairs_text = counted(len(pairs), "pair")
    typer.echo(f"{pairs_text} among {len(contents[0])} and {len(contents[1])} images{small_text}")
    raise typer.Exit(1 if pairs else 0)


@app.command()
def describe(
    cohort: Annotated[Path, typer.Argument(help="folder that `prepare` wrote", show_default=False)],
) -> None:
    """Count and measure the objects of each structure, and print how well intensity alone separates them.

    Both Dice are those of a single intensity band inside a box with a margin of 5 voxels. band_dice: each object's own
    truth chooses its band, as no user could. seen_band_dice: one band for the objects of the split test, chosen on the
    seen objects of the other splits.
    """
    import pandas as pd

    from bifseg.cohorts.cohort import Cohort
    from bifseg.cohorts.intensity_band import band_dice, best_band_dice, boxed, common_band

    members = Cohort.load(cohort)
    chosen_on = [row for row in members.select(seen=True) if row.split != "test"]
    crops = (boxed(members.image(row).voxels, members.truth(row)) for row in tracked("choosing")(chosen_on))
    band = common_band(crops) if chosen_on else None
    rows = []
    for row in tracked("measuring")(members.objects):
        image = members.image(row)
        crop = boxed(image.voxels, members.truth(row))
        of_seen = band_dice(*crop, band) if band and row.split == "test" else None
        volume_ml = row.volume_ml if image.grid.in_mm else None
        rows.append((row.structure, volume_ml, best_band_dice(*crop), of_seen))
    measures = dict.fromkeys(("volume_ml", "band_dice", "seen_band_dice"), float)
    frame = pd.DataFrame(rows, columns=["structure", *measures]).astype(measures)
    table = frame.groupby("structure").agg(["mean", "std"]).round(2)
    table.insert(0, ("objects", ""), frame.groupby("structure").size())
    typer.echo(table.to_string())
