# The ViPER loop as one graph: seeds → synthesis → training → evaluation → tables and figures.
# One params.yaml drives all scales; `--config scale=smoke` picks another. Targets: main, all, pretrain, bench.
from snakemake.utils import min_version

min_version("9.27")


configfile: "params.yaml"


report: "docs/report/workflow.rst"


include: "rules/common.smk"
include: "rules/models.smk"
include: "rules/seeds.smk"
include: "rules/synthesis.smk"
include: "rules/reward.smk"
include: "rules/training.smk"
include: "rules/evaluation.smk"
include: "rules/analysis.smk"
include: "rules/report.smk"
include: "rules/cost.smk"
include: "rules/speed.smk"
include: "rules/cluster.smk"


rule all:
    default_target: True
    input:
        rules.main.input,
        rules.measure_base_models.output if S.models.checker else [],
        rules.timings.output,
        rules.cost.output,
