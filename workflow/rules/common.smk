# Names of files and resources, derived from the configuration.
import json
import os
import sys
from functools import cache
from itertools import chain
from pathlib import Path

from bifseg.cards.cards import (
    CohortCard,
    MethodCard,
    NetworkCard,
    read_card,
)
from bifseg.cards.entries import split_entry, split_seed
from bifseg.cards.protocol_levels import protocol_file, read_protocol
from bifseg.cards.run import (
    external_weights,
    checked_run,
    network_card,
)
from bifseg.runs.at_work import begin_work, who_is_at_work
from bifseg.runs.fingerprints import entry_code, method_files
from bifseg.runs.fingerprints import scoring_code as code_of_scores
from bifseg.runs.fingerprints import training_code
from bifseg.runs.job_groups import initial_source, is_tools, job_groups
from bifseg.runs.shard_plan import shard_numbers
from bifseg.core.errors import InputError
from bifseg.core.garbage import many_imports
from bifseg.core.sandbox import import_from_module_folders
from bifseg.core.files import write_json

# Jobs must not import a file such as random.py or yaml.py of the user's from the current folder.
os.environ.update(PYTHONSAFEPATH="1")

# Plug-ins are found here in the same folders as in the jobs.
import_from_module_folders()

# The configuration with its defaults; an error in it or in a card stops the workflow here with one line.
config = checked_run(config)

RUN = f"{config['results']}/{config['run']}"

# Files that this process locks as long as it works.
held = []

# Printed before Snakemake's own message about a lock, which names neither machine nor time.
if workflow.is_main_process and (at_work := who_is_at_work(Path(RUN))):
    print(at_work, file=sys.stderr)


wildcard_constraints:
    cohort="[^/]+",
    network="[^/@]+",
    group="[^/]+",
    shard=r"\d+",


def check_cards_of_run():
    """Build every network and method without weights: a wrong name is found now, not after days of training."""
    # Imported here: it needs torch, and this file is read by every job.
    with many_imports():
        from bifseg.runs.card_check import check_cards

    check_cards(config)


def card(kind, name):
    """The path of a card."""
    return f"{config['cards']}/{kind}/{name}.yaml"


def protocol_card(name):
    """The path of a protocol's card; those of its levels are the same file."""
    return str(protocol_file(Path(card("protocols", name))))


def brought(network):
    """The weights files that a network's card names; none for a network that the run trains."""
    path = network_card(network, Path(config["cards"]))
    weights = external_weights(read_card(NetworkCard, path), path)
    if weights is None or weights.is_file():
        return [weights] if weights else []
    return sorted(file for file in weights.rglob("*") if file.is_file())


def manifest_of(wildcards):
    """The manifest of a cohort; none if it is missing, since the job's error says which command writes it."""
    path = Path(card("cohorts", wildcards.cohort))
    manifest = read_card(CohortCard, path).manifest
    return (
        [str(path.parent / manifest)]
        if manifest and (path.parent / manifest).is_file()
        else []
    )


def method_of(entry):
    """METHOD of METHOD@NETWORK."""
    return split_entry(entry)[0]


def network_of(entry):
    """NETWORK of METHOD@NETWORK; empty for a method without a network."""
    return split_entry(entry)[1]


@cache
def groups_of(cohort):
    """The protocols and entries of a cohort by the group that one job plays."""
    return job_groups(config["cohorts"][cohort]["protocols"], Path(config["cards"]))


def parts_of(wildcards):
    """The protocols and entries of a group, sorted: their order in the configuration changes no result."""
    return sorted(groups_of(wildcards.cohort)[wildcards.group])


def setup(wildcards):
    """The files that a group's sessions depend on besides the images."""
    parts, cohort = parts_of(wildcards), wildcards.cohort
    methods = unique(card("methods", method_of(entry)) for _, entry in parts)
    return {
        "methods": methods,
        "protocols": unique(protocol_card(protocol) for protocol, _ in parts),
        "objects": f"{RUN}/cohorts/{cohort}/objects.tsv",
        "weights": [
            f"{RUN}/networks/{cohort}/{network}/weights.pt"
            for network in unique(network_of(entry) for _, entry in parts)
            if network
        ],
        "files": [str(path) for method in methods for path in files_of(method)],
        "initial": [
            path
            for group in unique(initial_groups(wildcards))
            for path in shard_scores(cohort, group)
        ],
    }


def initial_groups(wildcards):
    """The groups whose results the entries of a group correct."""
    played = config["cohorts"][wildcards.cohort]["protocols"]
    sources = {
        initial_source(played, protocol, Path(config["cards"]))
        for protocol, _ in parts_of(wildcards)
    }
    return [
        group
        for group, parts in groups_of(wildcards.cohort).items()
        if sources & {*parts}
    ]


def unique(names):
    """Names in their order, each once."""
    return list(dict.fromkeys(names))


@cache
def files_of(path):
    """The files that a method's card names, such as checkpoints."""
    return method_files(read_card(MethodCard, Path(path)), Path(path).parent)


def session_code(wildcards):
    """Hashes that change with the code of a group's sessions, by protocol and entry."""
    return [
        f"{protocol}/{entry} {code_of_sessions(protocol, entry)}"
        for protocol, entry in parts_of(wildcards)
    ]


@cache
def code_of_sessions(protocol_name, entry):
    """The hash of an entry under a protocol, computed once."""
    method = Path(card("methods", method_of(entry)))
    protocol = Path(card("protocols", protocol_name))
    network = network_of(entry)
    architecture = (
        read_card(
            NetworkCard, network_card(network, Path(config["cards"]))
        ).architecture
        if network
        else ""
    )
    return entry_code(
        read_card(MethodCard, method),
        method.parent,
        read_protocol(protocol),
        architecture,
    )


def code_of_training(wildcards):
    """A hash that changes with the code that makes a network's weights."""
    path = network_card(wildcards.network, Path(config["cards"]))
    return training_code(read_card(NetworkCard, path))


def scoring_code(wildcards):
    """A hash that changes with the metrics: sessions are scored again, but not run again."""
    return code_of_scores(config["metrics"])


def own_metrics():
    """The --metric options for the metrics that the configuration names."""
    return [word for name in config["metrics"] for word in ("--metric", name)]


def session_memory(wildcards, threads, attempt):
    """MiB of a job of sessions: each worker with its method's process, and Snakemake itself."""
    return (1000 + 3000 * threads) * attempt


def session_gpus(wildcards):
    """GPUs of a job of sessions: 0 for bifseg's traditional tools, which use none."""
    return 0 if is_tools(wildcards.group) else config["gpus_per_job"]


def session_minutes():
    """Time limit of a job of sessions in minutes: three times the planned length, or four hours without a plan."""
    return 240 if config["shards"] else max(30, int(3 * config["job_minutes"]))


def plan_of(wildcards):
    """The plan of a group's shards; none if the configuration gives their number."""
    return plans_of(wildcards.cohort, wildcards.group)


def plans_of(cohort, group):
    """The plan of a group's shards; none if the configuration gives their number."""
    if config["shards"]:
        return []
    return checkpoints.plan_sessions.get(cohort=cohort, group=group).output[:1]


def shards_of(cohort, group):
    """The numbers of a group's shards."""
    plans_of(cohort, group)  # waits for the plan
    return shard_numbers(config["shards"], Path(f"{RUN}/plans/{cohort}/{group}.tsv"))


def shard_scores(cohort, group):
    """The scores of a group, one file a shard."""
    return expand(
        rules.run_sessions.output[0],
        cohort=cohort,
        group=group,
        shard=shards_of(cohort, group),
    )


def networks_used():
    """(cohort, network) of every network that the configuration names."""
    return [
        (cohort, network)
        for cohort, plan in config["cohorts"].items()
        for network in sorted(
            {*plan["networks"], *map(network_of, chain(*plan["protocols"].values()))}
            - {""}
        )
    ]


def all_scores(wildcards):
    """The scores of every cohort and group."""
    return [
        path
        for cohort in config["cohorts"]
        for group in groups_of(cohort)
        for path in shard_scores(cohort, group)
    ]
