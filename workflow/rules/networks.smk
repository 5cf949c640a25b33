rule train_network:
    input:
        card=lambda wildcards: str(
            network_card(wildcards.network, Path(config["cards"]))
        ),
        objects=rules.prepare_cohort.output.objects,
        brought=lambda wildcards: brought(wildcards.network),
    output:
        weights=f"{RUN}/networks/{{cohort}}/{{network}}/weights.pt",
        curve=f"{RUN}/networks/{{cohort}}/{{network}}/curve.csv",
        facts=f"{RUN}/networks/{{cohort}}/{{network}}/card.json",
    log:
        f"{RUN}/logs/networks/{{cohort}}/{{network}}.log",
    priority: 10
    threads: 4 if config["gpus_per_job"] else 1  # they make the next batches while the GPU computes
    resources:
        mem_mb=lambda wildcards, attempt: 6000 * attempt,
        runtime=1440,  # not more at the next attempt, which resumes at the last validation
        gpu=config["gpus_per_job"],
    params:
        cohort=subpath(input.objects, parent=True),
        folder=subpath(output.weights, parent=True),
        seed=lambda wildcards: config["seed"] + split_seed(wildcards.network)[1] - 1,
        device=config["device"],
        code=code_of_training,
    shell:
        "bifseg train {input.card:q} --cohort {params.cohort:q} --out {params.folder:q}"
        " --seed {params.seed:q} --device {params.device:q} --threads {threads} &> {log:q}"
