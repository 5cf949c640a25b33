rule prepare_cohort:
    input:
        lambda wildcards: card("cohorts", wildcards.cohort),
    output:
        objects=f"{RUN}/cohorts/{{cohort}}/objects.tsv",
        facts=f"{RUN}/cohorts/{{cohort}}/cohort.json",
    log:
        f"{RUN}/logs/cohorts/{{cohort}}.log",
    params:
        folder=f"{RUN}/cohorts/{{cohort}}",
        seed=config["seed"],
    resources:
        mem_mb=2000,
        runtime=60,
    shell:
        "bifseg cohort prepare {input} --out {params.folder} --seed {params.seed} 2> {log}"
