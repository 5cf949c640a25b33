rule collect_scores:
    input:
        all_scores(),
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
        metrics=own_metrics(),
    shell:
        "bifseg collect {input:q} {params.metrics:q} --out {output.table:q} 2> >(tee {log:q} >&2)"


rule write_tables:
    input:
        f"{RUN}/scores.parquet",
    output:
        directory(f"{RUN}/tables"),
    log:
        f"{RUN}/logs/tables.log",
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        run=subpath(output[0], parent=True),
        target=config["target"],
    shell:
        "bifseg tables {params.run:q} --target {params.target:q} 2> >(tee {log:q} >&2)"


rule draw_figures:
    input:
        f"{RUN}/scores.parquet",
        [
            f"{RUN}/networks/{cohort}/{network}/curve.csv"
            for cohort, network in networks_used()
        ],
    output:
        directory(f"{RUN}/figures"),
    log:
        f"{RUN}/logs/figures.log",
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        run=subpath(output[0], parent=True),
        target=config["target"],
    shell:
        "bifseg figures {params.run:q} --target {params.target:q} 2> >(tee {log:q} >&2)"


rule write_provenance:
    input:
        f"{RUN}/scores.parquet",
    output:
        f"{RUN}/provenance.json",
    log:
        f"{RUN}/logs/provenance.log",
    params:
        run=subpath(output[0], parent=True),
        settings=json.dumps(config),
    shell:
        "bifseg provenance {params.run:q} --settings {params.settings:q} 2> >(tee {log:q} >&2)"


rule write_report:
    input:
        f"{RUN}/scores.parquet",
        f"{RUN}/tables",
        f"{RUN}/figures",
        f"{RUN}/provenance.json",
    output:
        f"{RUN}/report.html",
    log:
        f"{RUN}/logs/report.log",
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        run=subpath(output[0], parent=True),
    shell:
        "bifseg report {params.run:q} 2> >(tee {log:q} >&2)"


# The last step of a run; sessions that are already in the history are not added again.
rule append_history:
    input:
        f"{RUN}/scores.parquet",
        f"{RUN}/provenance.json",
        f"{RUN}/report.html",
    output:
        f"{RUN}/history.jsonl",
    log:
        f"{RUN}/logs/history.log",
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        run=subpath(output[0], parent=True),
        history=f"{config['results']}/history.jsonl",
        target=config["target"],
    shell:
        "bifseg history append {params.run:q} --history {params.history:q} --target {params.target:q}"
        " 2> >(tee {log:q} >&2)"
