rule collect_scores:
    input:
        all_scores,
    output:
        table=f"{RUN}/scores.parquet",
        text=f"{RUN}/scores.csv",
        metrics=f"{RUN}/metrics.json",
    log:
        f"{RUN}/logs/collect.log",
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        run=subpath(output[0], parent=True),
        metrics=own_metrics(),
    shell:
        "bifseg collect {params.run:q} {params.metrics:q} --out {output.table:q} &> {log:q}"


# The last step: one job imports and reads once what the five commands would each import and read; other processes draw
# the figures and pack the sessions meanwhile.
rule write_results:
    input:
        f"{RUN}/scores.parquet",
        [
            f"{RUN}/networks/{cohort}/{network}/curve.csv"
            for cohort, network in networks_used()
        ],
        [config["shift"]] if config["shift"] else [],
    output:
        directory(f"{RUN}/tables"),
        directory(f"{RUN}/figures"),
        f"{RUN}/provenance.json",
        f"{RUN}/report.html",
        f"{RUN}/history.jsonl",
    log:
        f"{RUN}/logs/results.log",
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        run=subpath(output[0], parent=True),
        settings=json.dumps(config),
        history=f"{config['results']}/history.jsonl",
        target=config["target"],
    shell:
        "bifseg results {params.run:q} --target {params.target:q} --settings {params.settings:q}"
        " --history {params.history:q} &> {log:q}"
