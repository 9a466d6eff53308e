# The ViPER loop as one graph: seeds → synthesis → training → evaluation → tables and figures.
# params.yaml and a file of scales/ drive it; `--config scale=smoke` picks another. Targets: main, the experiments of
# params.yaml (ablation_stages …, figure_attention, figure_wordcloud), claims, all, open_questions, fetch, preflight, pretrain, bench.
from snakemake.utils import min_version

min_version("9.27")


include: "rules/environment.smk"


report: "docs/report/workflow.rst"


include: "rules/common.smk"
include: "rules/guard.smk"
include: "rules/models.smk"
include: "rules/images.smk"
include: "rules/synthesis.smk"
include: "rules/reward.smk"
include: "rules/training.smk"
include: "rules/evaluation.smk"
include: "rules/analysis.smk"
include: "rules/ablations.smk"
include: "rules/questions.smk"
include: "rules/report.smk"
include: "rules/cost.smk"
include: "rules/bench.smk"
include: "rules/cluster.smk"
include: "rules/preflight.smk"
include: "rules/fetch.smk"
include: "rules/targets.smk"
include: "rules/provenance.smk"


rule all:
    """Every experiment of params.yaml, the claims, run times and costs, and the pages of the report."""
    default_target: True
    input:
        EXPERIMENTS,
        rules.timings.output,
        rules.report_pages.output,
        rules.cost.output,
