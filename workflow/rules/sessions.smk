# A job plays a group of entries: all methods and protocols at one network of a cohort, or the tools without a network.

SETTINGS = [
    config[key] for key in ("seed", "split", "patients", "replicates", "device")
]


# Only without `shards` in the configuration: runs and keeps a few sessions to measure how long they take.
checkpoint plan_sessions:
    input:
        unpack(setup),
    output:
        f"{RUN}/plans/{{cohort}}/{{group}}.tsv",
    log:
        f"{RUN}/logs/sessions/{{cohort}}/{{group}}-plan.log",
    threads: config["workers"]
    resources:
        mem_mb=session_memory,
        runtime=lambda wildcards, attempt: 60 * attempt,
        gpu=session_gpus,
    params:
        run=lambda wildcards: RUN,
        code=session_code,
        settings=SETTINGS,
        job_minutes=config["job_minutes"],
    shell:
        "bifseg plan-group {params.run:q} {wildcards.cohort:q} {wildcards.group:q} --plan {output:q}"
        " --job-minutes {params.job_minutes:q} --workers {threads} &> {log:q}"


# Undamaged sessions that match are kept: a change of one method runs its sessions alone, and scores all.
rule run_sessions:
    input:
        unpack(setup),
        plan=plan_of,
    output:
        f"{RUN}/scores/{{cohort}}/{{group}}/shard-{{shard}}.parquet",
    log:
        f"{RUN}/logs/sessions/{{cohort}}/{{group}}-{{shard}}.log",
    threads: config["workers"]
    resources:
        mem_mb=session_memory,
        runtime=lambda wildcards, attempt: session_minutes() * attempt,
        gpu=session_gpus,
    params:
        run=lambda wildcards: RUN,
        code=session_code,
        scoring=scoring_code,
        settings=SETTINGS,
        plan=lambda wildcards, input: ["--plan", input.plan] if input.plan else [],
        shards=lambda wildcards: len(shards_of(wildcards.cohort, wildcards.group)),
    shell:
        "bifseg run-group {params.run:q} {wildcards.cohort:q} {wildcards.group:q} {params.plan:q}"
        " --shard {wildcards.shard}/{params.shards:q} --workers {threads} --out {output:q} &> {log:q}"
