rule prepare_cohort:
    input:
        card=lambda wildcards: card("cohorts", wildcards.cohort),
        manifest=manifest_of,
    output:
        objects=f"{RUN}/cohorts/{{cohort}}/objects.tsv",
        facts=f"{RUN}/cohorts/{{cohort}}/cohort.json",
    log:
        f"{RUN}/logs/cohorts/{{cohort}}.log",
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        folder=subpath(output.objects, parent=True),
        seed=config["seed"],
    shell:
        "bifseg cohort prepare {input.card:q} --out {params.folder:q} --seed {params.seed:q} &> {log:q}"
