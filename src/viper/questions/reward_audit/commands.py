"""Commands of the question how far the reward can be trusted: tables and figure."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from viper.config.options import Options, read_options
from viper.errors import ViperError
from viper.files import atomic_write, write_table

log = logging.getLogger(__name__)


def register(app: typer.Typer) -> None:
    """Add this question's commands."""
    app.command()(reward_audit)
    app.command()(figure_reward_audit)


def reward_audit(
    options: Options,
    run: Annotated[list[str], typer.Option(help="LINEAGE:SEED:PATH of saved rollouts; give it once for each")],
    output: Annotated[Path, typer.Option(help="CSV to write: rollouts under every setting")],
    areas: Annotated[Path, typer.Option(help="CSV to write: area under the ROC of each embedder")],
    probes: Annotated[Path, typer.Option(help="CSV to write: what answers earn that try to cheat")],
    watched: Annotated[Path, typer.Option(help="CSV to write: monitors of each saved step")],
    claims: Annotated[Path, typer.Option(help="CSV to write: the answers, each with its verdict")],
) -> None:
    """Score saved rollouts and answers that try to cheat under every setting of the reward, against the truth."""
    from viper.models.embedder import SentenceEmbedder
    from viper.questions.answers import table as claims_table
    from viper.questions.reward_audit import table
    from viper.synthesis import world

    sections = read_options(options)
    asked, section = sections.open_questions.reward_audit, sections.reward
    runs = [_run(each) for each in run]
    embedders = {name: SentenceEmbedder(each) for name, each in asked.embedders.items()}
    thresholds = {name: (each, _thresholds(asked.taus, each, section)) for name, each in embedders.items()}
    every = list(table.settings(thresholds, section))
    truth = table.true_reward(section, world.language().key)

    found_areas = table.roc(runs, embedders, truth)
    found_probes = table.probe(runs, every, truth, asked)
    seen = table.monitors(runs, every[0].reward, truth, asked.alarm)
    for row in seen[seen["alarm"] != ""].itertuples():
        log.warning("alarm: %s, seed %s, step %s: %s", row.lineage, row.seed, row.step, row.alarm)
    rows = table.claims(found_areas, found_probes, sections.analysis.confidence)
    write_table(output, table.audit(runs, every, truth), float_format="%.4f")
    write_table(areas, found_areas, float_format="%.4f")
    write_table(probes, found_probes, float_format="%.4f")
    write_table(watched, seen, float_format="%.4f")
    write_table(claims, claims_table(rows), float_format="%.4f")


def figure_reward_audit(
    probes: Annotated[Path, typer.Argument(help="table of probes that reward-audit wrote")],
    options: Options,
    output: Annotated[list[Path], typer.Option(help="picture to write; give it once for each")],
    caption: Annotated[Path, typer.Option(help="caption to write, .rst")],
) -> None:
    """Draw what answers earn that try to cheat."""
    from viper.analysis.figures import style
    from viper.questions.reward_audit import figure, table
    from viper.reading import read_table

    confidence = read_options(options).analysis.confidence
    numbers = ["tau", "correct", "advantage", "advantage_error"]
    rows = read_table(probes, needed=table.PROBES, numbers=numbers)
    style.use_style()
    drawn = figure.draw(rows, confidence)
    for path in output:
        style.save(drawn, path)
    with atomic_write(caption) as partial:
        partial.write_text(figure.caption(rows, confidence), encoding="utf-8")


def _run(text: str):
    from viper.questions.reward_audit.rollouts import read_run

    lineage, seed, path = [*text.split(":", 2), "", ""][:3]
    if not lineage or not seed.isdecimal() or not path:
        raise ViperError(f"--run {text!r} is not LINEAGE:SEED:PATH")
    return read_run(lineage, int(seed), Path(path))


def _thresholds(taus: list, embedder, section) -> dict[str, float]:
    """What each threshold is called → the number for this embedder."""
    from viper.reward import world
    from viper.reward.calibration import choose_tau, measure
    from viper.reward.pairs import read_pairs

    how = section.calibration

    def calibrated() -> float:
        pairs = world.draw_pairs(how.sentences, how.seed) if how.pairs == "world" else read_pairs(how.pairs)
        return choose_tau(measure(pairs, embedder), how.max_false_positive_rate).tau

    return {str(tau): calibrated() if tau == "calibrated" else float(tau) for tau in taus}
