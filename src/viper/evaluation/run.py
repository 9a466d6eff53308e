"""Evaluating one checkpoint on all benchmarks: VLMEvalKit infers and scores, per-item results are kept."""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import ValidationError

from viper.config.evaluation import Asking
from viper.digests import REMEDY, digest
from viper.errors import ViperError
from viper.evaluation.answers import UNREADABLE, Reading, read
from viper.evaluation.kept_answers import KeptAnswers
from viper.evaluation.kept_files import kept_files
from viper.evaluation.registry import scoring
from viper.evaluation.scoring import Scoring
from viper.evaluation.unpacked import standing_for
from viper.evaluation.vlmevalkit import build
from viper.models.base import VLM
from viper.reading import read_table

if TYPE_CHECKING:
    from vlmeval.dataset.image_base import ImageBaseDataset

_log = logging.getLogger(__name__)

COLUMNS = ["index", "category", "l2-category", "question", "answer", "prediction", "reading", "extracted", "hit"]
_MANY = 0.1  # share of answers that cannot be read, above which a warning says so


@dataclass(frozen=True)
class Result:
    """One benchmark's results.

    Attributes:
        items: `COLUMNS`, one row per item. `prediction` is the raw completion with its reasoning, `reading` how its
            answer was found in it (`viper.evaluation.answers.How`), `extracted` what was scored, `hit` 0 or 1. An item
            of CRPE is asked four times: its prediction, answer, reading and extracted hold all four (JSON lists), and
            it is a hit when all four are right.
        figures: VLMEvalKit's own figures, as it returns them.
        score: the headline in percent, as the paper reports it (HallusionBench: mean of aAcc, fAcc and qAcc).
        readings: how many answers were read in each way.
    """

    items: pd.DataFrame
    figures: dict[str, Any]
    score: float
    readings: dict[str, int]


def evaluate(
    vlm: VLM,
    benchmarks: Sequence[Path],
    asking: Asking,
    *,
    own: Sequence[Path] = (),
    size: int | None = None,
    work: Path | None = None,
    about: str = "",
) -> dict[str, Result]:
    """Evaluate a model on benchmarks, given as TSV files; return name → result.

    All of them are read before the model is asked anything. Everything that VLMEvalKit writes goes to a temporary
    folder: it would reuse what an earlier run left behind. Answers are kept in `work` as they come: of an evaluation
    that is interrupted, nothing is asked again but the batch that was being answered.

    Args:
        own: where `asking` makes answers begin with something: what the model answered by itself, the items of each
            benchmark in their order; what begins so of itself is taken from there.
        size: of each benchmark only so many first items; None for all.
        work: folder of this evaluation; None: nothing is kept.
        about: what makes another evaluation of it, besides the benchmarks: the model, and the way of asking.

    Raises:
        ViperError: a benchmark is not there, or holds what it must not: see `viper.evaluation.benchmark_tables`; or
            `own` is about other items.
    """
    results, own_of = {}, dict(zip((path.stem for path in benchmarks), own, strict=True)) if own else {}
    with tempfile.TemporaryDirectory(prefix="viper-evaluate-") as scratch:
        datasets = {path: build(path.stem, Path(scratch), path) for path in benchmarks}
        for path, dataset in datasets.items():
            name, own_answers = path.stem, own_of.get(path.stem)
            folder = Path(scratch) / name
            folder.mkdir()
            kept = _kept(work, about, path, own_answers) if work else None
            results[name] = evaluate_one(vlm, name, dataset, folder, asking, size, own_answers, kept)
            _report(name, results[name])
    return results


def _kept(work: Path, about: str, benchmark: Path, own: Path | None) -> KeptAnswers:
    """What `work` has of a benchmark's answers, where these were given to the same questions."""
    read = [standing_for(benchmark), *([own] if own else [])]
    return KeptAnswers(work / f"{benchmark.stem}.jsonl", " ".join([about, *map(digest, read)]))


def evaluate_one(
    vlm: VLM,
    name: str,
    dataset: "ImageBaseDataset",
    folder: Path,
    asking: Asking,
    size: int | None,
    own: Path | None = None,
    kept: KeptAnswers | None = None,
) -> Result:
    """Evaluate a model on a benchmark that `build` has just built; VLMEvalKit writes into the empty folder `folder`."""
    from vlmeval.inference import infer_data_job

    from viper.evaluation.model import Checkpoint

    kind = scoring(name)
    if size is not None:
        together = kind.rows_together
        dataset.data = dataset.data.iloc[: size // together * together]
    items = dataset.data.drop(columns="image").copy()
    model = Checkpoint(vlm, asking)
    items["prediction"] = model.answer_ahead(dataset, _own_completions(kind, own, items) if own else (), kept)
    with kept_files() as files:
        infer_data_job(model, work_dir=str(folder), model_name="checkpoint", dataset=dataset)
        path = str(folder / f"checkpoint_{name}.tsv")
        predictions = files.load(path)
        readings = [_read(kind, item) for _, item in predictions.iterrows()]
        files.dump(predictions.assign(prediction=[reading.answer for reading in readings]), path)
        # `exact_matching`: with any other judge VLMEvalKit falls back silently where it has no key.
        figures = dataset.evaluate(path, model="exact_matching", nproc=1)
        scored = _scored(kind.scored(Path(path), files))
    items["reading"] = [reading.how for reading in readings]
    items[["extracted", "hit"]] = scored.loc[items["index"].astype(str), ["extracted", "hit"]].to_numpy()
    items["hit"] = items["hit"].astype(int)
    _check_readings(name, items, readings)
    counts = items["reading"].value_counts().sort_index().to_dict()
    result = Result(kind.items(items).reindex(columns=COLUMNS), _plain(figures), kind.headline(figures), counts)
    _check_agreement(name, kind, result)
    return result


def _report(name: str, result: Result) -> None:
    """What came out, and how much of it rests on answers that could not be read."""
    _log.info("%s: %.1f (%d items)", name, result.score, len(result.items))
    unreadable = {how: result.readings[how] for how in UNREADABLE if how in result.readings}
    if unreadable:
        answers = sum(result.readings.values())
        is_many = sum(unreadable.values()) > _MANY * answers
        counted = " and ".join(f"{count} {how}" for how, count in unreadable.items())
        _log.log(
            logging.WARNING if is_many else logging.INFO,
            "%s: of %d answers, %s: these count as wrong (column `reading`)",
            name,
            answers,
            counted,
        )


def _own_completions(kind: Scoring, own: Path, items: pd.DataFrame) -> list[str]:
    """What `own`, a file of kept items, holds for each row of a benchmark.

    Raises:
        ViperError: it is about other items.
    """
    kept = read_table(own, needed=("question", "prediction"))
    try:
        completions = kind.completions(kept)
    except ValidationError as error:
        problem = error.errors()[0]["msg"]
        raise ViperError(f"{own}: a prediction is no list of texts: {problem}. {REMEDY}") from error
    together = len(completions) // max(1, len(kept))  # rows that are one item
    if len(completions) != len(items) or kept["question"].tolist() != items["question"].tolist()[::together]:
        raise ViperError(f"{own}: holds the answers to other items than these. {REMEDY}")
    return completions


def _read(kind: Scoring, item: pd.Series) -> Reading:
    options = kind.options(item)
    return read(item["prediction"], kind.answer_kind(options), options)


def _scored(columns: tuple) -> pd.DataFrame:
    """What VLMEvalKit extracted and whether it counted it as right, by index (as text)."""
    index, extracted, hit = columns
    return pd.DataFrame({"extracted": list(extracted), "hit": list(hit)}, index=index.astype(str))


def _check_readings(name: str, items: pd.DataFrame, readings: Sequence[Reading]) -> None:
    """What was read must be what VLMEvalKit scored, and what could not be read must count as wrong.

    Raises:
        RuntimeError: VLMEvalKit made something else of an answer.
    """
    for item, reading in zip(items.itertuples(index=False), readings, strict=True):
        if item.hit if reading.how in UNREADABLE else item.extracted != reading.answer:
            raise RuntimeError(
                f"{name}, item {item.index}: read as {reading}, scored as {item.extracted!r} ({item.hit})"
            )


def _check_agreement(name: str, kind: Scoring, result: Result) -> None:
    """The kept items must say what VLMEvalKit says; a difference would be a mistake in `Scoring.scored`.

    Raises:
        RuntimeError: they do not.
    """
    expected, found = kind.share_of_items(result.figures), 100 * result.items["hit"].mean()
    if expected is not None and abs(found - expected) > 1e-6:
        raise RuntimeError(f"{name}: kept items give {found:.6f}, VLMEvalKit {expected:.6f}")


def _plain(figures: Any) -> dict[str, Any]:
    """VLMEvalKit's figures as plain lists and dictionaries; columns of a table in a fixed order."""
    if isinstance(figures, pd.DataFrame):
        ordered = figures.sort_values("split") if "split" in figures else figures
        return {str(column): values.tolist() for column, values in ordered.items()}
    return figures
