"""Evaluating one checkpoint on all benchmarks: VLMEvalKit infers and scores, per-item results are kept."""

import json
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from viper.config.evaluation import EvaluateOptions
from viper.evaluation.answers import NO_ANSWER
from viper.evaluation.vlmevalkit import answer_kind, build
from viper.models.base import VLM

if TYPE_CHECKING:
    from vlmeval.dataset.image_base import ImageBaseDataset

_log = logging.getLogger(__name__)

COLUMNS = ["index", "category", "l2-category", "question", "answer", "prediction", "extracted", "hit"]
_CRPE_TURNS = 4


@dataclass(frozen=True)
class Result:
    """One benchmark's results.

    Attributes:
        items: `COLUMNS`, one row an item. `prediction` is the raw completion with its reasoning, `extracted` what
            was scored, `hit` 0 or 1. An item of CRPE is asked four times: its prediction, answer and extracted hold
            all four (JSON lists), and it is a hit when all four are right.
        figures: VLMEvalKit's own figures, as it returns them.
        score: the headline in percent, as the paper reports it (HallusionBench: mean of aAcc, fAcc and qAcc).
    """

    items: pd.DataFrame
    figures: dict[str, Any]
    score: float


def evaluate(vlm: VLM, benchmarks: Sequence[Path], options: EvaluateOptions) -> dict[str, Result]:
    """Evaluate a model on benchmarks, given as TSV files; return name → result.

    Everything that VLMEvalKit writes goes to a temporary folder: it would reuse what an earlier run left behind.

    Raises:
        ViperError: a benchmark is not there.
    """
    results = {}
    with tempfile.TemporaryDirectory(prefix="viper-evaluate-") as scratch:
        data = Path(scratch) / "data"
        data.mkdir()
        for path in benchmarks:
            (data / path.name).symlink_to(path.resolve())
        # Official files are large; what VLMEvalKit unpacks of them stays with them and is used again.
        folder = Path(options.folder) if options.source == "official" else data
        for path in benchmarks:
            work = Path(scratch) / path.stem
            work.mkdir()
            results[path.stem] = evaluate_one(vlm, path.stem, folder, work, options)
            _log.info("%s: %.1f (%d items)", path.stem, results[path.stem].score, len(results[path.stem].items))
    return results


def evaluate_one(vlm: VLM, name: str, folder: Path, work: Path, options: EvaluateOptions) -> Result:
    """Evaluate a model on the benchmark `folder`/`name`.tsv; VLMEvalKit writes into the empty folder `work`."""
    dataset = build(name, folder)
    from vlmeval.inference import infer_data_job

    from viper.evaluation.model import Checkpoint

    if options.size is not None:
        size = options.size // _CRPE_TURNS * _CRPE_TURNS if _is_crpe(name) else options.size
        dataset.data = dataset.data.iloc[:size]
    items = dataset.data.drop(columns="image", errors="ignore").copy()
    model = Checkpoint(vlm, options.asking, answer_kind(name))
    items["prediction"] = model.answer_ahead(dataset)
    infer_data_job(model, work_dir=str(work), model_name="checkpoint", dataset=dataset)
    predictions = work / f"checkpoint_{name}.tsv"
    # `exact_matching`: with any other judge VLMEvalKit falls back silently where it has no key.
    figures = dataset.evaluate(str(predictions), model="exact_matching", nproc=1)
    scored = _scored(name, dataset, predictions)
    items[["extracted", "hit"]] = scored.loc[items["index"].astype(str), ["extracted", "hit"]].to_numpy()
    if _is_crpe(name):
        items = _crpe_items(items)
    items["hit"] = items["hit"].astype(int)
    result = Result(items.reindex(columns=COLUMNS), _plain(figures), _headline(name, figures))
    _check_agreement(name, result)
    unanswered = (scored["extracted"] == NO_ANSWER).sum()
    if unanswered:
        _log.info("%s: %d answers could not be read", name, unanswered)
    return result


def _is_crpe(name: str) -> bool:
    return "CRPE" in name


def _is_hallusion(name: str) -> bool:
    return "Hallusion" in name


def _is_real_world(name: str) -> bool:
    return name.startswith("MME-RealWorld") or name == "MicroHighRes"


def _scored(name: str, dataset: "ImageBaseDataset", predictions: Path) -> pd.DataFrame:
    """What VLMEvalKit extracted and whether it counted it as right, by index (as text), from the files it wrote."""
    from vlmeval.dataset.utils.crpe import is_correct
    from vlmeval.dataset.utils.multiple_choice import build_choices, extract_characters_regex
    from vlmeval.smp import load
    from vlmeval.utils import can_infer

    def beside(suffix: str) -> pd.DataFrame:
        return load(str(predictions.with_name(f"{predictions.stem}{suffix}.tsv")))

    if _is_hallusion(name):
        rows = beside("_auxmatch")
        extracted, hit = rows["extracted"], rows["score"]
    elif _is_real_world(name):
        rows = beside("_score")
        extracted, hit = rows["prediction"].map(extract_characters_regex), rows["score"]
    elif _is_crpe(name):
        rows = load(str(predictions))
        pairs = list(zip(rows["answer"].astype(str), rows["prediction"].astype(str), strict=True))
        extracted, hit = rows["prediction"], pd.Series([is_correct(answer, said) for answer, said in pairs])
    else:
        rows = beside("_exact_matching_result")
        choices = [build_choices(row) for _, row in rows.iterrows()]
        said = rows["prediction"].astype(str)
        extracted = [
            (can_infer(text, dict(c)) or NO_ANSWER) if c else text for text, c in zip(said, choices, strict=True)
        ]
        hit = rows["hit"]
    return pd.DataFrame({"extracted": list(extracted), "hit": list(hit)}, index=rows["index"].astype(str))


def _crpe_items(rows: pd.DataFrame) -> pd.DataFrame:
    """CRPE's items from its rows: four in a row are one item, asked with its options turned."""
    groups = rows.groupby([number // _CRPE_TURNS for number in range(len(rows))])
    items = groups.first()
    for column in ("answer", "prediction", "extracted"):
        items[column] = groups[column].agg(lambda texts: json.dumps(list(texts)))
    items["hit"] = groups["hit"].min()
    return items


def _headline(name: str, figures: Any) -> float:
    """The figure that the paper reports, in percent."""
    if _is_hallusion(name):
        overall = figures[figures["split"] == "Overall"].iloc[0]
        return float(overall[["aAcc", "fAcc", "qAcc"]].mean())
    if _is_real_world(name):
        return 100 * float(figures["Overall"])
    if _is_crpe(name):
        return 100 * float(figures["total"])
    return 100 * float(figures["Overall"].mean())


def _is_mmvp(name: str) -> bool:
    return name == "MMVP"


def _check_agreement(name: str, result: Result) -> None:
    """The kept items must say what VLMEvalKit says; a difference would be a mistake in `_scored`.

    Raises:
        RuntimeError: they do not.
    """
    if _is_hallusion(name):
        expected = result.figures["aAcc"][result.figures["split"].index("Overall")]
    elif _is_mmvp(name):  # the headline counts pairs
        expected = 100 * result.figures["Average"][0]
    elif len(result.figures.get("split", [])) > 1:
        return  # VLMEvalKit gives one figure a split, no total
    else:
        expected = result.score
    if abs(100 * result.items["hit"].mean() - expected) > 1e-6:
        raise RuntimeError(f"{name}: kept items give {100 * result.items['hit'].mean():.6f}, VLMEvalKit {expected:.6f}")


def _plain(figures: Any) -> dict[str, Any]:
    """VLMEvalKit's figures as plain lists and dictionaries; columns of a table in a fixed order."""
    if isinstance(figures, pd.DataFrame):
        ordered = figures.sort_values("split") if "split" in figures else figures
        return {str(column): values.tolist() for column, values in ordered.items()}
    return figures
