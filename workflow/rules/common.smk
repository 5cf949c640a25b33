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
    ProtocolCard,
    read_card,
)
from bifseg.cards.entries import split_entry, split_seed
from bifseg.cards.run import (
    brought_weights,
    checked_run,
    initial_protocol,
    network_card,
)
from bifseg.runs.at_work import begin_work, who_is_at_work
from bifseg.runs.fingerprints import entry_code, method_files
from bifseg.runs.fingerprints import scoring_code as code_of_scores
from bifseg.runs.fingerprints import training_code
from bifseg.runs.shard_plan import read_plan
from bifseg.core.sandbox import import_from_module_folders
from bifseg.core.files import write_json

# Jobs must not import a file such as random.py or yaml.py of the user's from the current folder.
os.environ.update(PYTHONSAFEPATH="1")

# Plug-ins are found here in the same folders as in the jobs.
import_from_module_folders()

# The configuration with its defaults; an error in it or in a card stops the workflow here with one line.
config = checked_run(config)

RUN = f"{config['results']}/{config['run']}"

# Printed before Snakemake's own message about a lock, which names neither machine nor time.
if workflow.is_main_process and (at_work := who_is_at_work(Path(RUN))):
    print(at_work, file=sys.stderr)


wildcard_constraints:
    cohort="[^/]+",
    protocol="[^/]+",
    network="[^/@]+",
    entry="[^/]+",
    shard=r"\d+",


def card(kind, name):
    """The path of a card."""
    return f"{config['cards']}/{kind}/{name}.yaml"


def brought(network):
    """The weights files that a network's card names; none for a network that the run trains."""
    path = network_card(network, Path(config["cards"]))
    weights = brought_weights(read_card(NetworkCard, path), path)
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


def network_folder(wildcards):
    """The --network option of an entry; empty for an entry without a network."""
    name = network_of(wildcards.entry)
    return ["--network", f"{RUN}/networks/{wildcards.cohort}/{name}"] if name else []


def setup(wildcards):
    """The files that an entry's sessions depend on besides the images."""
    method = card("methods", method_of(wildcards.entry))
    network = network_of(wildcards.entry)
    return {
        "method": method,
        "protocol": card("protocols", wildcards.protocol),
        "objects": f"{RUN}/cohorts/{wildcards.cohort}/objects.tsv",
        "weights": (
            [f"{RUN}/networks/{wildcards.cohort}/{network}/weights.pt"]
            if network
            else []
        ),
        "files": [str(path) for path in files_of(method)],
        "initial": shard_lists(initial) if (initial := initial_of(wildcards)) else [],
    }


def initial_of(wildcards):
    """The wildcards of the entry whose results a protocol corrects; nothing for other protocols."""
    path = Path(card("protocols", wildcards.protocol))
    source = read_card(ProtocolCard, path).initial_from
    if source in (None, "manifest"):
        return None
    played = config["cohorts"][wildcards.cohort]["protocols"]
    protocol = initial_protocol(played, wildcards.protocol, source)
    return {"cohort": wildcards.cohort, "protocol": protocol, "entry": source}


def initial_folder(wildcards):
    """The words of the --initial option, or none."""
    initial = initial_of(wildcards)
    folder = "{cohort}/{protocol}/{entry}".format(**initial) if initial else ""
    return ["--initial", f"{RUN}/sessions/{folder}"] if initial else []


@cache
def files_of(path):
    """The files that a method's card names, such as checkpoints."""
    return method_files(read_card(MethodCard, Path(path)), Path(path).parent)


def session_code(wildcards):
    """A hash that changes with the code of an entry's sessions."""
    return code_of_sessions(wildcards.protocol, wildcards.entry)


@cache
def code_of_sessions(protocol_name, entry):
    """The hash for all shards of an entry under a protocol, computed once."""
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
        read_card(ProtocolCard, protocol),
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
    name = method_of(wildcards.entry)
    method = read_card(MethodCard, Path(card("methods", name))).method
    idle = method is not None and ":" not in method and not network_of(wildcards.entry)
    return 0 if idle else config["gpus_per_job"]


def session_minutes():
    """Time limit of a job of sessions in minutes: three times the planned length, or four hours without a plan."""
    return 240 if config["shards"] else max(30, int(3 * config["job_minutes"]))


def plan_of(wildcards):
    """The plan of an entry's shards; empty if the configuration gives their number."""
    return (
        []
        if config["shards"]
        else checkpoints.plan_sessions.get(**entry_of(wildcards)).output[0]
    )


def entry_of(wildcards):
    """The wildcards that identify an entry."""
    return {name: wildcards[name] for name in ("cohort", "protocol", "entry")}


def shards_of(wildcards):
    """The numbers of an entry's shards."""
    plan = plan_of(wildcards)
    return (
        range(1, config["shards"] + 1)
        if not plan
        else sorted(read_plan(Path(plan))) or [1]
    )


def shard_lists(wildcards):
    """The lists of an entry's sessions, one file a shard."""
    entry = entry_of(wildcards)
    return expand(rules.run_sessions.output[0], shard=shards_of(wildcards), **entry)


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


def all_scores():
    """The scores of every cohort, protocol and entry."""
    return [
        f"{RUN}/scores/{cohort}/{protocol}/{entry}.parquet"
        for cohort, plan in config["cohorts"].items()
        for protocol, entries in plan["protocols"].items()
        for entry in entries
    ]
