"""Commands of the question how far the reward can be trusted: rescoring, answers, figure."""

import json
import logging
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from viper.analysis.figures.files import Caption, Output, write_figure
from viper.config.options import Options, read_options
from viper.config.reward import Embedder
from viper.files import write_table

log = logging.getLogger(__name__)


class Audited(BaseModel):
    """An embedder to rescore with.

    Attributes:
        embedder: how it is run.
        calibrated: file of the threshold that was chosen for it.
        pairs: file of the pairs that it was chosen on, with their cosines.
    """

    embedder: Embedder
    calibrated: Path
    pairs: Path


def register(app: typer.Typer) -> None:
    """Add this question's commands."""
    app.command()(reward_audit)
    app.command()(reward_audit_claims)
    app.command()(figure_reward_audit)


def reward_audit(
    options: Options,
    rollouts: Annotated[list[Path], typer.Option(help="metrics/LINEAGE/seedN/rollouts.jsonl of each own run; repeat")],
    embedders: Annotated[str, typer.Option(help="JSON: name → embedder, files of its threshold and its pairs")],
    output: Annotated[Path, typer.Option(help="CSV to write: rollouts under every setting")],
    areas: Annotated[Path, typer.Option(help="CSV to write: area under the ROC of each embedder")],
    probes: Annotated[Path, typer.Option(help="CSV to write: what answers earn that try to cheat")],
    besides: Annotated[list[Path] | None, typer.Option(help="The same of other runs, only rescored; repeat")] = None,
    tau: Annotated[list[float] | None, typer.Option(help="Further threshold, for every embedder; repeat")] = None,
) -> None:
    """Score saved rollouts and answers that try to cheat under every setting of the reward, against the truth if known.

    Answers that try to cheat are tried on the prompts of the question's own runs.
    """
    import pandas as pd

    from viper.analysis.runs import by_run
    from viper.models.embedder import SentenceEmbedder
    from viper.questions.reward_audit import table
    from viper.questions.reward_audit.rollouts import read_run
    from viper.reward.tau import read_tau
    from viper.training import world

    sections = read_options(options)
    section = sections.reward
    runs = [read_run(lineage, seed, path) for (lineage, seed), path in by_run([*rollouts, *(besides or [])]).items()]
    own = [run for run in runs if (run.lineage, run.seed) in by_run(rollouts)]
    asked = {name: Audited.model_validate(each) for name, each in json.loads(embedders).items()}
    loaded = {name: SentenceEmbedder(each.embedder) for name, each in asked.items()}
    thresholds = {
        name: (loaded[name], {table.CALIBRATED: read_tau(each.calibrated, each.embedder.path)} | _named(tau or []))
        for name, each in asked.items()
    }
    every = list(table.settings(thresholds, section))
    truth = table.true_reward(section, world.meaning() if sections.training.records.meaning == "world" else None)
    pairs = {name: table.read_pairs(each.pairs) for name, each in asked.items()}
    found = [table.roc(own, loaded, truth), *table.roc_by_phase(runs, loaded, truth)]
    found += [table.roc_of_pairs(name, each, section.calibration.seed) for name, each in pairs.items()]
    joined = pd.concat([each for each in found if len(each)] or found[:1], ignore_index=True)
    write_table(areas, joined, float_format="%.4f")
    write_table(output, table.audit(runs, every, truth), float_format="%.4f")
    tried = table.probe(own, every, truth, sections.open_questions.reward_audit)
    write_table(probes, tried, float_format="%.4f")


def reward_audit_claims(
    predictions: Annotated[list[Path], typer.Argument(help="predictions/SPLIT/LINEAGE/[seedN/]NAME.tsv")],
    metrics: Annotated[list[Path], typer.Option(help="metrics/LINEAGE/seedN/train.csv of every lineage; repeat")],
    areas: Annotated[Path, typer.Option(help="areas that reward-audit wrote")],
    probes: Annotated[Path, typer.Option(help="probes that reward-audit wrote")],
    options: Options,
    table: Annotated[Path, typer.Option(help="CSV to write: score, gain and monitors of each lineage")],
    watched: Annotated[Path, typer.Option(help="CSV to write: monitors of every sampling")],
    claims: Annotated[Path, typer.Option(help="CSV to write: the answers, each with its verdict")],
) -> None:
    """What the same training ends at under each embedder and threshold, and the answers to the question."""
    from viper.analysis.predictions import Predictions
    from viper.analysis.runs import by_run
    from viper.analysis.tables import score_benchmarks
    from viper.questions import answers
    from viper.questions.reward_audit import claims as module
    from viper.questions.reward_audit.table import read_areas, read_probes

    sections = read_options(options)
    question, settings = sections.open_questions.reward_audit, sections.analysis
    given = Predictions.of(predictions, question.lineages)
    scores = score_benchmarks(given, sections.evaluation.benchmarks, settings)
    seen = module.watched(by_run(metrics))
    tried, found = read_probes(probes), read_areas(areas)
    write_table(watched, seen, float_format="%.6g")
    write_table(table, module.summary(scores, question, seen), float_format="%.4f")
    rows = module.claims(scores, found, tried, seen, question, settings)
    write_table(claims, answers.table(rows), float_format="%.4f")


def figure_reward_audit(
    table: Annotated[Path, typer.Argument(help="table that reward-audit-claims wrote")],
    areas: Annotated[Path, typer.Argument(help="areas that reward-audit wrote")],
    probes: Annotated[Path, typer.Argument(help="probes that reward-audit wrote")],
    options: Options,
    output: Output,
    caption: Caption,
) -> None:
    """Draw what is gained under each setting, how each embedder agrees with the truth, and what cheating earns."""
    from viper.analysis.figures import style
    from viper.questions.reward_audit import claims, figure
    from viper.questions.reward_audit.table import read_areas, read_probes

    confidence = read_options(options).analysis.confidence
    rows, found, tried = claims.read_summary(table), read_areas(areas), read_probes(probes)
    style.use_style()
    write_figure(figure.draw(rows, found, tried, confidence), output, figure.caption(rows, confidence), caption)


def _named(taus: list[float]) -> dict[str, float]:
    return {f"{tau:g}": tau for tau in taus}
