# Names of files, and nothing else: what the configuration asks for, as paths.
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
from bifseg.cards.entries import split_entry
from bifseg.cards.run import brought_weights, checked_run, initial_protocol
from bifseg.runs.at_work import begin_work, who_is_at_work
from bifseg.runs.fingerprints import entry_code, method_files
from bifseg.runs.fingerprints import scoring_code as code_of_scores
from bifseg.runs.fingerprints import training_code
from bifseg.runs.shard_plan import read_plan
from bifseg.core.sandbox import import_from_module_folders
from bifseg.core.files import write_json

# A random.py or yaml.py of the user's own in the current folder is not imported by the jobs.
os.environ.update(PYTHONSAFEPATH="1")

# Plug-ins are found here as the jobs find them.
import_from_module_folders()

# The configuration with its defaults; a bad one, or a bad card, stops here with one line.
config = checked_run(config)

RUN = f"{config['results']}/{config['run']}"

# Said before Snakemake finds its own lock, which names neither machine nor time.
if workflow.is_main_process and (at_work := who_is_at_work(Path(RUN))):
    print(at_work, file=sys.stderr)


wildcard_constraints:
    cohort="[^/]+",
    protocol="[^/]+",
    network="[^/@]+",
    entry="[^/]+",
    shard=r"\d+",


def card(kind, name):
    """Path of a card."""
    return f"{config['cards']}/{kind}/{name}.yaml"


def brought(network):
    """The files of weights that a network's card brings: none where it is trained here."""
    path = Path(card("networks", network))
    found = brought_weights(read_card(NetworkCard, path), path)
    if found is None or found.is_file():
        return [found] if found else []
    return sorted(file for file in found.rglob("*") if file.is_file())


def manifest_of(wildcards):
    """The manifest of a cohort; one that is missing is missed by the job, which says what makes it."""
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
    """NETWORK of METHOD@NETWORK, empty where the method needs none."""
    return split_entry(entry)[1]


def network_folder(wildcards):
    """The words of an entry's --network option, or none."""
    name = network_of(wildcards.entry)
    return ["--network", f"{RUN}/networks/{wildcards.cohort}/{name}"] if name else []


def setup(wildcards):
    """The files that an entry's sessions depend on, beside the images."""
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
    """The files, such as checkpoints, that a method's card names."""
    return method_files(read_card(MethodCard, Path(path)), Path(path).parent)


def session_code(wildcards):
    """Changes with the code that the entry's sessions run."""
    return code_of_sessions(wildcards.protocol, wildcards.entry)


@cache
def code_of_sessions(protocol_name, entry):
    """The same for all shards of an entry under a protocol."""
    method = Path(card("methods", method_of(entry)))
    protocol = Path(card("protocols", protocol_name))
    network = network_of(entry)
    architecture = (
        read_card(NetworkCard, Path(card("networks", network))).architecture
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
    """Changes with the code that makes the network's weights."""
    return training_code(
        read_card(NetworkCard, Path(card("networks", wildcards.network)))
    )


def scoring_code(wildcards):
    """Changes with the metrics: sessions are scored again, and not played."""
    return code_of_scores(config["metrics"])


def own_metrics():
    """The words of the --metric options of the metrics that the configuration names."""
    return [word for name in config["metrics"] for word in ("--metric", name)]


def session_memory(wildcards, threads, attempt):
    """MiB: each worker with its method's process, and what Snakemake itself takes."""
    return (1000 + 3000 * threads) * attempt


def session_gpus(wildcards):
    """GPUs of a job that plays: none for bifseg's own tools, which have no use for one."""
    name = method_of(wildcards.entry)
    method = read_card(MethodCard, Path(card("methods", name))).method
    idle = method is not None and ":" not in method and not network_of(wildcards.entry)
    return 0 if idle else config["gpus_per_job"]


def session_minutes():
    """How long a job of sessions may take: three times what was planned, or four hours where nothing was."""
    return 240 if config["shards"] else max(30, int(3 * config["job_minutes"]))


def plan_of(wildcards):
    """The plan of an entry's shards; nothing where their number is given."""
    return (
        []
        if config["shards"]
        else checkpoints.plan_sessions.get(**entry_of(wildcards)).output[0]
    )


def entry_of(wildcards):
    """The wildcards that name an entry."""
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
    """The lists of an entry's sessions, a file a shard."""
    entry = entry_of(wildcards)
    return expand(rules.run_sessions.output[0], shard=shards_of(wildcards), **entry)


def networks_used():
    """(cohort, network) of every network that the configuration names."""
    return [
        (cohort, network)
        for cohort, asked in config["cohorts"].items()
        for network in sorted(
            {*asked["networks"], *map(network_of, chain(*asked["protocols"].values()))}
            - {""}
        )
    ]


def all_scores():
    """The scores of every cohort, protocol and entry."""
    return [
        f"{RUN}/scores/{cohort}/{protocol}/{entry}.parquet"
        for cohort, asked in config["cohorts"].items()
        for protocol, entries in asked["protocols"].items()
        for entry in entries
    ]
