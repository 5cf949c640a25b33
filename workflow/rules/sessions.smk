rule run_sessions:
    input:
        method=lambda wildcards: card("methods", method_of(wildcards.player)),
        protocol=lambda wildcards: card("protocols", wildcards.protocol),
        objects=rules.prepare_cohort.output.objects,
        weights=weights,
    output:
        f"{RUN}/sessions/{{cohort}}/{{protocol}}/{{player}}/shard-{{shard}}.tsv",
    log:
        f"{RUN}/logs/sessions/{{cohort}}/{{protocol}}/{{player}}-{{shard}}.log",
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 240 * attempt,
        gpu=config["gpus_per_job"],
    params:
        cohort=subpath(input.objects, parent=True),
        folder=subpath(output[0], parent=True),
        network=network_folder,
        shards=config["shards"],
        run=config["run"],
        seed=config["seed"],
        split=config["split"],
        replicates=config["replicates"],
        device=config["device"],
    shell:
        "bifseg run {input.method} --cohort {params.cohort} --protocol {input.protocol} {params.network}"
        " --out {params.folder} --index {output} --shard {wildcards.shard}/{params.shards}"
        " --split {params.split} --run {params.run} --seed {params.seed} --replicates {params.replicates}"
        " --device {params.device} --threads {threads} 2> >(tee {log} >&2)"


rule score_sessions:
    input:
        objects=rules.prepare_cohort.output.objects,
        shards=expand(
            f"{RUN}/sessions/{{{{cohort}}}}/{{{{protocol}}}}/{{{{player}}}}/shard-{{shard}}.tsv",
            shard=SHARDS,
        ),
    output:
        f"{RUN}/scores/{{cohort}}/{{protocol}}/{{player}}.parquet",
    log:
        f"{RUN}/logs/scores/{{cohort}}/{{protocol}}/{{player}}.log",
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        cohort=subpath(input.objects, parent=True),
        sessions=lambda wildcards, input: os.path.dirname(input.shards[0]),
        split=config["split"],
        replicates=config["replicates"],
    shell:
        "bifseg score {params.sessions} --cohort {params.cohort} --split {params.split}"
        " --replicates {params.replicates} --out {output} 2> >(tee {log} >&2)"
