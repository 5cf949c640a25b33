ENTRY = f"{RUN}/sessions/{{cohort}}/{{protocol}}/{{entry}}"
SETUP = (
    " --cohort {params.cohort:q} --protocol {input.protocol:q} {params.network:q} {params.initial:q} --out {params.folder:q}"
    f" --run {config['run']} --seed {config['seed']} --split {config['split']}"
    f" --replicates {config['replicates']} --device {config['device']} --workers {{threads}}"
)


# Only without `shards` in the configuration: runs and keeps a few sessions to measure how long they take.
checkpoint plan_sessions:
    input:
        unpack(setup),
    output:
        f"{ENTRY}/plan.tsv",
    log:
        f"{RUN}/logs/sessions/{{cohort}}/{{protocol}}/{{entry}}-plan.log",
    threads: config["workers"]
    resources:
        mem_mb=session_memory,
        runtime=lambda wildcards, attempt: 60 * attempt,
        gpu=session_gpus,
    params:
        cohort=lambda wildcards, input: os.path.dirname(input.objects),
        folder=subpath(output[0], parent=True),
        network=network_folder,
        initial=initial_folder,
        code=session_code,
        job_minutes=config["job_minutes"],
    shell:
        "bifseg plan {input.method:q} --plan {output:q} --job-minutes {params.job_minutes:q}"
        + SETUP
        + " &> {log:q}"


rule run_sessions:
    input:
        unpack(setup),
        plan=plan_of,
    output:
        f"{ENTRY}/shard-{{shard}}.tsv",
    log:
        f"{RUN}/logs/sessions/{{cohort}}/{{protocol}}/{{entry}}-{{shard}}.log",
    threads: config["workers"]
    resources:
        mem_mb=session_memory,
        runtime=lambda wildcards, attempt: session_minutes() * attempt,
        gpu=session_gpus,
    params:
        cohort=lambda wildcards, input: os.path.dirname(input.objects),
        folder=subpath(output[0], parent=True),
        network=network_folder,
        initial=initial_folder,
        code=session_code,
        plan=lambda wildcards, input: ["--plan", input.plan] if input.plan else [],
        shards=lambda wildcards: len(shards_of(wildcards)),
    shell:
        "bifseg run {input.method:q} {params.plan:q} --shard {wildcards.shard}/{params.shards:q} --index {output:q}"
        + SETUP
        + " &> {log:q}"


rule score_sessions:
    input:
        objects=rules.prepare_cohort.output.objects,
        shards=shard_lists,
    output:
        f"{RUN}/scores/{{cohort}}/{{protocol}}/{{entry}}.parquet",
    log:
        f"{RUN}/logs/scores/{{cohort}}/{{protocol}}/{{entry}}.log",
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        cohort=subpath(input.objects, parent=True),
        sessions=lambda wildcards, input: os.path.dirname(input.shards[0]),
        split=config["split"],
        replicates=config["replicates"],
        metrics=own_metrics(),
        code=scoring_code,
    shell:
        "bifseg score {params.sessions:q} --cohort {params.cohort:q} --split {params.split:q}"
        " --replicates {params.replicates:q} {params.metrics:q} --out {output:q} &> {log:q}"
