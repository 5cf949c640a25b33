# The workflow of bifseg: everything from the cohorts to the report of one run.
#   snakemake --workflow-profile workflow/profiles/default                          on this machine
#   snakemake --workflow-profile workflow/profiles/default --configfile my.yaml     your own configuration
from snakemake.utils import min_version

min_version("9.17")


# Your own configuration replaces that of the demo; the two are not merged.
if not workflow.configfiles:

    configfile: "config/config.yaml"


# Used only with --sdm apptainer; built from workflow/apptainer.def (docs/cluster.md).
container: "bifseg.sif"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/cohorts.smk"
include: "workflow/rules/networks.smk"
include: "workflow/rules/sessions.smk"
include: "workflow/rules/results.smk"


# `bifseg status` and `bifseg reproduce` read this configuration.
onstart:
    try:
        check_cards_of_run()
        # In a list, since names of this block end with it, and so would the lock.
        held.append(begin_work(Path(RUN)))
    except InputError as error:
        # One line; Snakemake would add where in its code.
        sys.exit(f"error: {error}")
    write_json(
        Path(f"{RUN}/config.json"),
        config | {"cards": os.path.abspath(config["cards"])},
    )
    # The logger `bifseg` shows this run's progress from here on.
    logger.info(None, extra={"bifseg_run": RUN})


# The logger `bifseg` prints the expected time and memory at the end of a dry run.
if workflow.is_main_process and workflow.output_settings.dryrun:
    check_cards_of_run()
    limits = workflow.resource_settings
    logger.info(
        None, extra={"bifseg_estimate": config, "cores": limits.nodes or limits.cores}
    )


# All scores and results, so that those deleted by hand, or by `bifseg retry`, are made again.
rule all:
    default_target: True
    input:
        all_scores,
        rules.collect_scores.output,
        rules.write_results.output,
