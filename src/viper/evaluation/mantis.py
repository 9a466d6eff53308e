"""Mantis-Eval (TIGER-Lab/Mantis-Eval), which VLMEvalKit does not have: several images, options or a short answer."""

import pandas as pd
from vlmeval.dataset.image_mcq import ImageMCQDataset
from vlmeval.dataset.utils.multiple_choice import build_choices, report_acc
from vlmeval.smp import dump, get_intermediate_file_path, load
from vlmeval.utils import can_infer


def words(text: str) -> str:
    """A short answer as it is compared: lower case, no closing mark, single spaces."""
    return " ".join(text.lower().strip().rstrip(".!").split())


class MantisEval(ImageMCQDataset):
    """Rows with options are multiple choice, as in VLMEvalKit; a row without any wants exactly the short answer.

    The short answer is compared ignoring case, as the benchmark's own evaluation does.
    """

    DATASET_URL = {}  # noqa: RUF012  (VLMEvalKit's attribute)
    DATASET_MD5 = {}  # noqa: RUF012

    @classmethod
    def supported_datasets(cls) -> list[str]:
        """The names that VLMEvalKit would ask for."""
        return ["Mantis-Eval"]

    def evaluate(self, eval_file: str, **_) -> pd.DataFrame:
        """Score the predictions in `eval_file`; writes *_exact_matching_result.tsv with `hit` beside it."""
        data = load(eval_file)
        hits, log = [], []
        for _, row in data.iterrows():
            choices, prediction = build_choices(row), str(row["prediction"])
            found = can_infer(prediction, dict(choices)) if choices else words(prediction)
            hits.append(int(found == (row["answer"] if choices else words(str(row["answer"])))))
            log.append(found)
        data["hit"], data["log"] = hits, log
        dump(data, get_intermediate_file_path(eval_file, "_exact_matching_result"))
        return report_acc(data)
