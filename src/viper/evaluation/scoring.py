"""How a kind of benchmark is scored: VLMEvalKit's class for it, what an answer is, and which figure is the headline.

Official benchmarks and those of a drawn world share these. VLMEvalKit is imported where one of its classes is needed,
not before.
"""

import json
import string
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import TypeAdapter

from viper.errors import ViperError
from viper.evaluation.answers import NO_ANSWER, Kind, options_in

if TYPE_CHECKING:  # parameters are checked with these names, quickly
    import pandas as pd

    from viper.evaluation.kept_files import KeptFiles

    Figures = pd.DataFrame | Mapping[str, Any]  # as VLMEvalKit returns them


class MultipleChoice:
    """Lettered options; the score is VLMEvalKit's share of right answers."""

    rows_together: ClassVar[int] = 1  # how many rows in a row are scored together, so that none may be left out
    needed: ClassVar[frozenset[str]] = frozenset()  # columns that VLMEvalKit's class takes for granted
    lists: ClassVar[frozenset[str]] = frozenset()  # columns whose cells are lists of texts

    def known_class(self) -> type:
        """VLMEvalKit's class."""
        from vlmeval.dataset.image_mcq import ImageMCQDataset

        return ImageMCQDataset

    def answer_kind(self, options: Mapping[str, str]) -> Kind:
        """What an answer to an item with these options is."""
        return "choice"

    def options(self, item: "pd.Series") -> dict[str, str]:
        """The options of an item, letter → text."""
        letters = [letter for letter in string.ascii_uppercase if letter in item]
        return {letter: item[letter] for letter in letters if item[letter] == item[letter]}  # a missing one is NaN

    def check_form(self, table: "pd.DataFrame", path: Path) -> None:
        """What the class takes for granted, and would stop at after the model has answered everything.

        Raises:
            ViperError: an item is not so.
        """
        if len(table) % self.rows_together:
            raise ViperError(f"{path}: has {len(table)} rows, but they are scored {self.rows_together} at a time")

    def prepared(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """The table as the class wants it."""
        return table

    def adjust(self, dataset: Any) -> None:
        """Last changes to a data set of the class."""

    def scored(self, predictions: Path, files: "KeptFiles") -> "tuple[pd.Series, list[str], pd.Series]":
        """What VLMEvalKit wrote about each row: its index, what it extracted, and whether it counted it as right."""
        from vlmeval.dataset.utils.multiple_choice import build_choices
        from vlmeval.utils import can_infer

        rows = _beside(predictions, "_exact_matching_result", files)
        choices = [build_choices(row) for _, row in rows.iterrows()]
        said = rows["prediction"].astype(str)
        extracted = [
            (can_infer(text, dict(known)) or NO_ANSWER) if known else text
            for text, known in zip(said, choices, strict=True)
        ]
        return rows["index"], extracted, rows["hit"]

    def items(self, rows: "pd.DataFrame") -> "pd.DataFrame":
        """The items that the rows are about."""
        return rows

    def completions(self, items: "pd.DataFrame") -> list[str]:
        """The completions in `items`, one for each row that they are about."""
        return list(items["prediction"])

    def headline(self, figures: "Figures") -> float:
        """The figure that the paper reports, in percent."""
        return 100 * float(figures["Overall"].mean())

    def share_of_items(self, figures: dict[str, list]) -> float | None:
        """The percentage of right items that VLMEvalKit's figures, as plain lists, say; None where they do not."""
        return None if len(figures.get("split", [])) > 1 else 100 * sum(figures["Overall"]) / len(figures["Overall"])


class Mantis(MultipleChoice):
    """Multiple choice, and questions without options that want exactly the short answer."""

    def known_class(self) -> type:
        from viper.evaluation.mantis import MantisEval

        return MantisEval

    def answer_kind(self, options: Mapping[str, str]) -> Kind:
        return "choice" if options else "text"


class Pairs(MultipleChoice):
    """MMVP: two rows that follow each other ask the same; the headline counts pairs of which both are right."""

    rows_together = 2

    def check_form(self, table: "pd.DataFrame", path: Path) -> None:
        super().check_form(table, path)
        if table["question"][::2].tolist() != table["question"][1::2].tolist():
            raise ViperError(f"{path}: two rows that follow each other must ask the same question")

    def share_of_items(self, figures: dict[str, list]) -> float | None:
        return 100 * figures["Average"][0]


class RealWorld(MultipleChoice):
    """MME-RealWorld: the first letter of an answer counts, and nothing else."""

    TASKS = ("Perception", "Reasoning")
    SUBTASKS = ("Monitoring", "Autonomous_Driving", "OCR with Complex Context", "Diagram and Table", "Remote Sensing")
    OPTIONS = "multi-choice options"  # its column: a text, in its Lite version a list

    needed = frozenset({"category", "l2-category", OPTIONS})

    def known_class(self) -> type:
        from vlmeval.dataset.image_mcq import MMERealWorld

        return MMERealWorld

    def answer_kind(self, options: Mapping[str, str]) -> Kind:
        return "letter"

    def check_form(self, table: "pd.DataFrame", path: Path) -> None:
        parts = table["category"].str.split("/")
        known = parts.map(lambda each: len(each) > 1 and each[0] in self.TASKS and each[1] in self.SUBTASKS)
        what = f"its category is not one of {'|'.join(self.TASKS)}/{'|'.join(self.SUBTASKS)}"
        _must(what, ~known.astype(bool), table, path)

    def adjust(self, dataset: Any) -> None:
        """What VLMEvalKit asks is filed under the official name."""
        dataset.SYS = {**type(dataset).SYS, dataset.dataset_name: type(dataset).SYS["MME-RealWorld"]}

    def scored(self, predictions: Path, files: "KeptFiles") -> "tuple[pd.Series, list[str], pd.Series]":
        from vlmeval.dataset.utils.multiple_choice import extract_characters_regex

        rows = _beside(predictions, "_score", files)
        return rows["index"], rows["prediction"].map(extract_characters_regex), rows["score"]

    def headline(self, figures: "Figures") -> float:
        return 100 * float(figures["Overall"])

    def share_of_items(self, figures: dict[str, list]) -> float | None:
        return self.headline(figures)


class RealWorldLite(RealWorld):
    """MME-RealWorld-Lite: the same with its options as lists, of which VLMEvalKit's class would evaluate the text."""

    lists = frozenset({RealWorld.OPTIONS})

    def prepared(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """Its lists of five options as the text and columns that its class would make of them."""
        lists = table[self.OPTIONS]
        for letter, place in zip("ABCDE", range(5), strict=True):
            table[letter] = [options[place][4:] if place < len(options) else float("nan") for options in lists]
        table[self.OPTIONS] = ["The choices are listed below:\n" + "\n".join(options) for options in lists]
        return table

    def adjust(self, dataset: Any) -> None:
        """Nothing: the class knows its name."""


class YesOrNo(MultipleChoice):
    """HallusionBench: the headline is the mean of the accuracies over answers, figures and questions."""

    def known_class(self) -> type:
        from vlmeval.dataset.image_yorn import ImageYORNDataset

        return ImageYORNDataset

    def answer_kind(self, options: Mapping[str, str]) -> Kind:
        return "yes/no"

    def check_form(self, table: "pd.DataFrame", path: Path) -> None:
        what = "its index is not VD_<category>_<...>_<set>_<figure>_<question>"
        _must(what, table["index"].map(str).str.count("_") < 5, table, path)

    def scored(self, predictions: Path, files: "KeptFiles") -> "tuple[pd.Series, list[str], pd.Series]":
        rows = _beside(predictions, "_auxmatch", files)
        return rows["index"], rows["extracted"], rows["score"]

    def headline(self, figures: "Figures") -> float:
        overall = figures[figures["split"] == "Overall"].iloc[0]
        return float(overall[["aAcc", "fAcc", "qAcc"]].mean())

    def share_of_items(self, figures: dict[str, list]) -> float | None:
        return figures["aAcc"][figures["split"].index("Overall")]


class Relations(MultipleChoice):
    """CRPE: an item is asked four times in a row, its options turned, and is right when all four answers are."""

    CATEGORIES = ("exist", "subject", "predicate", "object")

    rows_together = 4
    needed = frozenset({"category"})

    def known_class(self) -> type:
        from vlmeval.dataset.image_vqa import CRPE

        return CRPE

    def options(self, item: "pd.Series") -> dict[str, str]:
        return options_in(item["question"])

    def check_form(self, table: "pd.DataFrame", path: Path) -> None:
        what = f"its category is not one of {', '.join(self.CATEGORIES)}"
        _must(what, ~table["category"].isin(self.CATEGORIES), table, path)
        super().check_form(table, path)

    def scored(self, predictions: Path, files: "KeptFiles") -> "tuple[pd.Series, list[str], pd.Series]":
        from vlmeval.dataset.utils.crpe import is_correct

        rows = files.load(str(predictions))
        hit = rows.astype(str).apply(lambda row: is_correct(row["answer"], row["prediction"]), axis="columns")
        return rows["index"], rows["prediction"], hit

    def items(self, rows: "pd.DataFrame") -> "pd.DataFrame":
        """Four rows in a row are one item."""
        groups = rows.groupby([number // self.rows_together for number in range(len(rows))])
        items = groups.first()
        for column in ("answer", "prediction", "reading", "extracted"):
            items[column] = groups[column].agg(lambda texts: json.dumps(list(texts)))
        items["hit"] = groups["hit"].min()
        return items

    def completions(self, items: "pd.DataFrame") -> list[str]:
        texts = TypeAdapter(list[str])
        return [said for cell in items["prediction"] for said in texts.validate_json(cell)]

    def headline(self, figures: "Figures") -> float:
        return 100 * float(figures["total"])

    def share_of_items(self, figures: dict[str, list]) -> float | None:
        return self.headline(figures)


Scoring = MultipleChoice  # what all of them are


def _beside(predictions: Path, suffix: str, files: "KeptFiles") -> "pd.DataFrame":
    return files.load(str(predictions.with_name(f"{predictions.stem}{suffix}.tsv")))


def _must(what: str, wrong: "pd.Series", table: "pd.DataFrame", path: Path) -> None:
    if wrong.any():
        raise ViperError(f"{path}, item {table['index'][wrong].iloc[0]}: {what}; nothing of this benchmark was run")
