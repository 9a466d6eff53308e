"""One declaration a step: what every rule gets from the little that it says.

A rule that runs a command of this package names in its `params:` the sections of the scale that it depends on, once:

    params:
        sections=["models.vlm", "synthesis.prompts", "synthesis.caption"],

or a function of its wildcards that returns them. From that follow the command's `--options`, what makes Snakemake run
the step again, and the parameters of its DVC stage. Beside it come the fingerprint of the code behind the command, and
where the rule says nothing else a log, a benchmark file, the environment, and what a light job asks a machine for. A
rule that asks for GPUs gets some of its own (`viper.cluster.gpus`). One that declares no resources is light: on a
cluster its jobs, of seconds, run where Snakemake itself does, since queueing and starting one would cost more than it.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from viper.config.options import to_json
from viper.config.schema import Scale
from viper.layout import Layout
from viper.lineage import variant_of
from viper.workflow import insides
from viper.workflow.kept import keeping
from viper.workflow.source import command_of, prompt_sets

Amount = Callable[..., int]

LIGHT_MB, LIGHT_MINUTES = 2000, 10  # a job that reads and writes tables
# What these bring is held to its hash, byte by byte: an edit of the code that brings it makes nothing anew.
FETCHING = ("fetch-pretrained", "fetch-model")
GIVEN = "as its hash says"
_FIRST = ("lineage", "seed")  # whose folder holds the logs of several rules
_VARIABLES = re.compile(r"(?:\w+=\S+ )*")  # that a shell line sets for its program


def complete(rules: Iterable[Any], layout: Layout, scale: Scale, environment: Any) -> None:
    """Give each rule that runs a command of this package what it did not say itself.

    Args:
        rules: of the workflow, all of them read.
        layout: where the files of the run's scale lie.
        scale: its parameters.
        environment: file of the conda environment, as Snakemake takes it: relative to each rule's file, or a source.

    Raises:
        ViperError: a rule names a section that there is not, or a command that there is not.
    """
    with keeping() as fingerprint:
        for rule in rules:
            params = dict(rule.params.items())
            command = command_of(rule.shellcmd, params)
            if command is None:
                continue
            if "sections" in params:
                params["options"] = _options(scale, params["sections"])
                rule.set_params(options=params["options"])
                if scale.variants and "lineage" in rule.wildcard_names:
                    rule.set_params(**_by_variant(scale, params["sections"]))
            rule.set_params(code=GIVEN if command in FETCHING else fingerprint(command, prompt_sets(params)))
            if insides.asks_for(rule, "gpu"):
                insides.set_shell(rule, _with_own_gpus(rule.shellcmd))
            place = _place(rule.name, rule.wildcard_names, str(next(iter(rule.output), "")))
            if insides.is_light(rule):
                insides.run_here(rule)
            insides.give(
                rule,
                log=layout.log(place),
                benchmark=layout.timing(place),
                conda=environment,
                resources={"mem_mb": per_attempt(LIGHT_MB), "runtime": per_attempt(LIGHT_MINUTES)},
            )


def _with_own_gpus(shell: str) -> str:
    """The shell line whose program gets GPUs of its own."""
    end = _VARIABLES.match(shell).end()
    return f"{shell[:end]}python -m viper.cluster.gpus {{resources.gpu}} {shell[end:]}"


def _options(scale: Scale, sections: Iterable[str] | Callable) -> str | Callable:
    if callable(sections):
        return lambda wildcards: as_argument(to_json(scale, sections(wildcards)))
    return as_argument(to_json(scale, sections))


def _by_variant(scale: Scale, sections: Iterable[str] | Callable) -> dict[str, Callable]:
    """Options and sections of a rule that works on lineages of several variants: each job gets those of its own.

    Its code's fingerprint stays that of the scale without variants, so that a new one starts nothing else anew.
    """

    def named(wildcards: Any) -> list[str]:
        return list(sections(wildcards) if callable(sections) else sections)

    def options(wildcards: Any) -> str:
        return as_argument(to_json(scale.under(variant_of(wildcards.lineage)), named(wildcards)))

    def depends_on(wildcards: Any) -> list[str]:
        variant, own = variant_of(wildcards.lineage), named(wildcards)
        read = {name.split(".")[0] for name in own}
        changed = sorted(read & set(scale.variants[variant])) if variant else []  # sorted: another order is another job
        return [*own, *(f"variants.{variant}.{each}" for each in changed)]

    return {"options": options, "sections": depends_on}


def _place(name: str, wildcards: Iterable[str], output: str) -> str:
    """Where a rule's log lies: below lineage and seed, where it has them, by its name and the rest of its wildcards."""
    first = [each for each in _FIRST if each in wildcards]
    rest = sorted(set(wildcards) - set(first), key=lambda each: output.index(f"{{{each}"))
    folders = ["seed{seed}" if each == "seed" else f"{{{each}}}" for each in first]
    return "/".join([*folders, name, *(f"{{{each}}}" for each in rest)])


def as_argument(text: str) -> str:
    """JSON for a command's option; braces in its strings are escaped: Snakemake would see a wildcard in {word}."""
    return re.sub(r'\{(?=[^"{}])', r"\\u007b", text)


def per_attempt(amount: int) -> Amount:
    """Megabytes or minutes of a job: half as much again with every retry, for the job that ran out of them."""
    return lambda wildcards, attempt: amount * (1 + attempt) // 2
