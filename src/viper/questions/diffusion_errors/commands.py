"""Commands of the question whose mistake a refinement is: asking, judging, tables and figure."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from viper.analysis.figures.files import Caption, Output, write_figure
from viper.config.options import Options, read_options
from viper.files import write_table

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from viper.config.questions.diffusion_errors import DiffusionErrors

Manifest = Annotated[Path, typer.Option(help="manifest.json of the model's folder")]
Data = Annotated[Path, typer.Option(help="CSR data set that the lineage is trained on, a Parquet table")]
Seed = Annotated[int, typer.Option(help="the run's seed", min=0)]
Tables = Annotated[list[Path], typer.Option(help="tables of this step, in the order of the shards")]
Judged = Annotated[list[Path], typer.Option(help="asked/LINEAGE/seedN/… that judge-refinements wrote; repeat for each")]


def register(app: typer.Typer) -> None:
    """Add this area's commands."""
    app.command()(ask_refinements)
    app.command()(judge_refinements)
    app.command("diffusion-errors")(diffusion_errors_tables)
    app.command()(figure_diffusion_errors)


def ask_refinements(
    before: Manifest,
    after: Manifest,
    data: Data,
    options: Options,
    seed: Seed,
    output: Annotated[Path, typer.Option(help="Parquet table to write: the answers of both")],
) -> None:
    """Ask two checkpoints what must change in captions: of pairs of the data set, and of right captions."""
    from viper.manifest import model_folder
    from viper.models.vlm import load_vlm
    from viper.questions import world
    from viper.questions.diffusion_errors import ask
    from viper.synthesis.rows import read_rows, write_rows

    sections = read_options(options)
    section = sections.open_questions.diffusion_errors
    rows = ask.chosen(read_rows(data), section, seed)
    captions = world.true_captions(section.true_captions, section.seed)
    answers = []
    for asked, manifest in ((ask.BEFORE, before), (ask.AFTER, after)):
        vlm = load_vlm(model_folder(manifest), sections.models.vlm)
        answers += ask.ask(vlm, asked, rows, captions, section, sections.synthesis.prompts, seed=seed)
    write_rows(output, answers, ask.COLUMNS)


def judge_refinements(
    answers: Annotated[Path, typer.Option(help="table that ask-refinements wrote")],
    data: Data,
    captions: Tables,
    reconstructions: Tables,
    critiques: Tables,
    truth: Annotated[list[Path], typer.Option(help="what is in each shard of the drawn seed images")],
    checkpoint: Annotated[Path, typer.Option(help="manifest.json of the checker's folder")],
    options: Options,
    labels: Annotated[Path, typer.Option(help="CSV to write: whose mistake each sentence of the labels is")],
    judged: Annotated[Path, typer.Option(help="CSV to write: the same of the answers, and which were rewarded")],
    confusions: Annotated[Path, typer.Option(help="CSV to write: kinds that the painter painted in place of others")],
    tau: Annotated[Path | None, typer.Option(help="calibrated threshold (.json), if asked for")] = None,
) -> None:
    """Say of each refinement whose mistake it is, against the truth of the drawn world."""
    import pandas as pd

    from viper.manifest import model_folder
    from viper.models.embedder import SentenceEmbedder
    from viper.questions import world
    from viper.questions.diffusion_errors import judge
    from viper.reward.scoring import Reward
    from viper.reward.tau import given_tau
    from viper.synthesis.assemble import Shards
    from viper.synthesis.rows import by_id, read_rows

    sections = read_options(options)
    rows = read_rows(data)
    shards = Shards({"captions": captions, "reconstructions": reconstructions, "critiques": critiques})
    pairs = world.read_pairs(shards, truth, checker=model_folder(checkpoint))
    drawn = _drawn(sections.open_questions.diffusion_errors)
    section = sections.reward
    reward = Reward(SentenceEmbedder(section.embedder), section, given_tau(section, tau))
    said = judge.judge_answers(read_rows(answers), by_id(rows), pairs, drawn, reward)
    write_table(labels, judge.judge_labels(rows, pairs))
    write_table(judged, said)
    write_table(confusions, pd.DataFrame(world.confusions(pairs), columns=judge.CONFUSIONS))


def diffusion_errors_tables(
    labels: Judged,
    judged: Judged,
    confusions: Judged,
    options: Options,
    output: Annotated[Path, typer.Option(help="CSV to write: whose mistake sentences are, by type, with intervals")],
    pairs: Annotated[Path, typer.Option(help="CSV to write: every sentence of the labels")],
    answers: Annotated[Path, typer.Option(help="CSV to write: every sentence that was answered")],
    habits: Annotated[Path, typer.Option(help="CSV to write: kinds that the painter confuses")],
    sycophancy: Annotated[Path, typer.Option(help="CSV to write: what is asked for where the caption is right")],
    claims: Annotated[Path, typer.Option(help="CSV to write: the answers, each with its verdict")],
) -> None:
    """Whose mistake refinements are, before and after training, and the painter's habits in what is asked for."""
    from viper.questions.answers import table as claims_table
    from viper.questions.diffusion_errors import judge, table

    sections = read_options(options)
    section, settings = sections.open_questions.diffusion_errors, sections.analysis
    of_labels = _joined(labels, judge.LABELS, judge.read_labels)
    said = _joined(judged, judge.ANSWERS, judge.read_answers)
    confused = _joined(confusions, judge.CONFUSIONS, judge.read_confusions)
    by_seed, added = table.sycophancy(said, confused, section.least, settings.confidence)
    write_table(output, table.shares(of_labels, said, settings.confidence), float_format="%.4f")
    write_table(pairs, of_labels)
    write_table(answers, said, float_format="%g")
    write_table(habits, confused, float_format="%g")
    write_table(sycophancy, by_seed, float_format="%.4f")
    write_table(claims, claims_table(table.claims(of_labels, said, added, settings)), float_format="%.4f")


def figure_diffusion_errors(
    shares: Annotated[Path, typer.Argument(help="table of shares that diffusion-errors wrote")],
    sycophancy: Annotated[Path, typer.Argument(help="its table of right captions")],
    options: Options,
    output: Output,
    caption: Caption,
) -> None:
    """Draw whose mistake sentences are, and the painter's habits in what is asked for."""
    from viper.analysis.figures import style
    from viper.questions.diffusion_errors import figure, table

    confidence = read_options(options).analysis.confidence
    of_sentences = table.read_shares(shares)
    by_seed = table.read_sycophancy(sycophancy, of_sentences)
    style.use_style()
    write_figure(figure.draw(of_sentences, by_seed, confidence), output, figure.caption(by_seed, confidence), caption)


def _drawn(section: "DiffusionErrors") -> dict:
    """The right captions that were asked about, by id."""
    from viper.questions import world

    return {each.id: each for each in world.true_captions(section.true_captions, section.seed)}


def _joined(paths: list[Path], columns: list[str], read: "Callable[[Path], pd.DataFrame]") -> "pd.DataFrame":
    """These columns of the tables of all lineages and seeds, with lineage and seed in front.

    Raises:
        ViperError: a path does not say them, or a table cannot be read.
    """
    import pandas as pd

    from viper.analysis.runs import by_run

    tables = [read(path)[columns].assign(lineage=lineage, seed=seed) for (lineage, seed), path in by_run(paths).items()]
    return pd.concat(tables, ignore_index=True)[["lineage", "seed", *columns]]
