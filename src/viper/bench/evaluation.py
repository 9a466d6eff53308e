"""Answering a benchmark in batches ahead against VLMEvalKit's own loop, one question at a time."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from viper.bench.alternate import Comparison
from viper.bench.floor import floor_seconds
from viper.config.evaluation import Asking, Split
from viper.config.models import VlmSection
from viper.evaluation import benchmarks
from viper.evaluation.kept_files import kept_files
from viper.evaluation.vlmevalkit import build, import_vlmeval
from viper.models.vlm import load_vlm

_BENCHMARK, _ITEMS, _ONE_BY_ONE = "MicroStar", 96, 8


def comparisons(vlm: VlmSection, asking: Asking, split: Split, rate: float) -> Iterator[Comparison]:
    """Items a second from the data set to VLMEvalKit's table of predictions.

    Args:
        split: whose pictures the questions are drawn from. rate: of `viper.bench.floor.matrix_rate`.
    """
    import_vlmeval()
    from vlmeval.inference import infer_data_job

    from viper.evaluation.model import Checkpoint

    model = load_vlm(Path(vlm.path), vlm)
    with tempfile.TemporaryDirectory(prefix="viper-speed-") as folder:
        data = Path(folder)
        drawn = split.model_copy(update={"size": _ITEMS})
        benchmarks.provide(_BENCHMARK, "world", None, drawn, data / f"{_BENCHMARK}.tsv")

        def infer(items: int, *, ahead: bool) -> int:
            dataset = build(_BENCHMARK, data)
            dataset.data = dataset.data.iloc[:items]
            checkpoint = Checkpoint(model, asking)
            if ahead:
                checkpoint.answer_ahead(dataset)
            with tempfile.TemporaryDirectory(dir=folder) as work, kept_files():
                infer_data_job(checkpoint, work_dir=work, model_name="checkpoint", dataset=dataset)
            return items

        def one_by_one() -> int:
            return infer(_ONE_BY_ONE, ahead=False)

        def together() -> int:
            return infer(_ITEMS, ahead=True)

        yield Comparison(
            "evaluation", "micro", "item", one_by_one, together, target=4, floor=floor_seconds(together, rate)
        )
