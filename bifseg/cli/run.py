"""`bifseg run`: sessions of one method with the robot user."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from bifseg.cli.options import (
    CohortFolder,
    Device,
    Out,
    Replicates,
    Seed,
    Threads,
    naming,
    tracked,
    use_device,
)


def run(
    card: Annotated[Path, typer.Argument(help="method card, config/methods/NAME.yaml", show_default=False)],
    cohort: CohortFolder,
    protocol: Annotated[
        Path, typer.Option(help="protocol card, config/protocols/NAME.yaml", show_default=False)
    ],
    out: Out,
    network: Annotated[Path | None, typer.Option(help="folder that `bifseg train` wrote")] = None,
    split: Annotated[str, typer.Option(help="objects of this split")] = "test",
    shard: Annotated[str, typer.Option(help="NUMBER/OF: this job's share of the objects")] = "1/1",
    name: Annotated[str, typer.Option("--run", help="name of the run, a column of the scores")] = "by-hand",
    index: Annotated[Path | None, typer.Option(help="write a list of the shard's sessions here")] = None,
    seed: Seed = 2018,
    replicates: Replicates = 1,
    device: Device = "auto",
    threads: Threads = 1,
) -> None:
    """Play one method's sessions, a folder each in OUT. Sessions that are there and match are kept."""
    from bifseg.cards import MethodCard, ProtocolCard, read_card
    from bifseg.cohorts.objects import Cohort
    from bifseg.errors import BadInput
    from bifseg.forgetting import ForgettingCheck
    from bifseg.methods.registry import build, check_fits
    from bifseg.networks.trained import TrainedNetwork
    from bifseg.players import check_stated
    from bifseg.robot.box import box_kind
    from bifseg.robot.policies import policy
    from bifseg.shards import Lineup, run_shard, take_shard, write_index
    from bifseg.store import file_hash

    method_card, rules = read_card(MethodCard, card), read_card(ProtocolCard, protocol)
    players, where = Cohort.load(cohort), use_device(device, threads)
    number, of = _numbers(shard)
    objects = take_shard(players.select(split=split), number, of)
    with naming(protocol):
        policy(rules.policy)
        box_kind(rules.box)
    weights = network / "weights.pt" if network else None
    trained = TrainedNetwork.load(weights, where) if weights else None
    with naming(card):
        method = build(method_card, trained)
        check_stated(method_card.plays, method.dimensions, method.prompts)
        check_fits(method_card, method, players.dimension, rules)
    lineup = Lineup(
        run=name,
        seed=seed,
        cohort=players,
        protocol_name=protocol.stem,
        protocol=rules,
        method_name=card.stem,
        method_card=method_card,
        network_name=network.name if network else "",
        weights_sha256=file_hash(weights) if weights else "",
        replicates=replicates,
    )
    check = ForgettingCheck(lineup.network_name, trained, players, seed) if trained else None
    count = run_shard(lineup, method, objects, out, tracked(f"{card.stem} on {players.name}"))
    typer.echo(
        ", ".join(f"{n} {status}" for status, n in sorted(count.items())) or "no objects in this shard"
    )
    if check and not check.write(out / f"forgetting-{number}.json"):
        raise BadInput(f"{card}: method: it changed the base network; delete {out} and tune a copy instead")
    if index:
        write_index(out, objects, index, replicates)


def _numbers(shard: str) -> tuple[int, int]:
    from bifseg.errors import BadInput

    found = re.fullmatch(r"(\d+)/(\d+)", shard)
    if not found:
        raise BadInput(f"--shard {shard}: write it as NUMBER/OF, for example 1/4")
    return int(found[1]), int(found[2])
