"""Which kinds of question are admitted: the rule, its measurement on a base that is known, and the committed table."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

import viper.config
from microworld.adapters.benchmarks import draw_each_kind, write
from microworld.benchmarks import BENCHMARKS as MICRO
from microworld.benchmarks import admission as admitted_kinds
from scripted import Scripted, right
from viper.config.evaluation import Admission, Evaluation, Split
from viper.config.models import Lens, VlmSection
from viper.errors import ViperError
from viper.evaluation import admission
from viper.evaluation.admission import COLUMNS, NUMBERS, decide
from viper.manifest import write_manifest
from viper.reading import read_table

ROOT = Path(__file__).parents[2]
RULE = Admission(seed=0, items=50, least_clear=85.0, shifted=(40.0, 80.0))


def rows(*shares: tuple[float, float]) -> pd.DataFrame:
    """One kind of question, asked in as many ways as there are pairs (clear, shifted)."""
    return pd.DataFrame(shares, columns=["clear", "shifted"]).assign(benchmark="B", category="c", kind="k")


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([(85.0, 40.0)], "yes"),
        ([(100.0, 80.0)], "yes"),
        ([(84.9, 60.0)], "no"),
        ([(99.0, 80.1)], "no"),
        ([(99.0, 39.9)], "no"),
        ([(99.0, 60.0), (99.0, 90.0)], "no"),
    ],
)
def test_a_kind_is_admitted_where_every_way_of_asking_has_a_middle(shares, expected):
    assert set(decide(rows(*shares), RULE)) == {expected}


def test_the_base_is_asked_every_kind_in_every_way_on_clear_pictures_and_through_its_lens(tmp_path, monkeypatch):
    """A base that is always right on clear pictures, and of what it sees through its lens, knows colors alone."""
    evaluation = Evaluation(
        source="world",
        benchmarks={"Mantis": "MicroMantis"},
        splits={"test": Split(size=4)},
        asking={"max_new_tokens": 8},
        controls={"look": "<think> Look"},
        admission=RULE.model_copy(update={"items": 3}),
    )
    questions = [question for group in draw_each_kind("MicroMantis", 0, 3, "dev") for question in group]

    def load(path, section):
        def reply(question):
            return right(question) if section.lens is None or "color" in question.question else "<answer>Z</answer>"

        return Scripted(questions, reply)

    monkeypatch.setattr(admission, "load_vlm", load)
    write_manifest(tmp_path)
    table = admission.measure(tmp_path, VlmSection(path="base", lens=Lens(contrast=0.8)), evaluation)
    assert list(table.columns) == COLUMNS
    kinds = dict(iter(table.groupby(["category", "kind"])["lineage"]))
    assert set(kinds) == set(MICRO["MicroMantis"].generators)
    assert {tuple(lineages) for lineages in kinds.values()} == {("base", "base+look")}
    assert set(table["items"]) == {3}
    assert set(table["clear"]) == {100.0}
    assert table.set_index("kind")["shifted"].to_dict() == {
        kind: 100.0 if kind in ("reference", "color") else 0.0 for _, kind in MICRO["MicroMantis"].generators
    }
    assert set(table["contrast"]) == {0.8}


def test_only_what_is_admitted_is_asked(tmp_path, monkeypatch):
    known = pd.DataFrame(
        [("MicroStar", "fine-grained perception", "shape", "yes"), ("MicroStar", "math", "number", "no")],
        columns=["benchmark", "category", "kind", "admitted"],
    )
    monkeypatch.setattr(admitted_kinds, "table", lambda: known)
    write("MicroStar", Split(size=6), tmp_path / "MicroStar.tsv", admitted_only=True)
    assert set(read_table(tmp_path / "MicroStar.tsv")["l2-category"]) == {"shape"}
    with pytest.raises(ViperError, match=r"MicroBlink: admission.csv admits none of its kinds"):
        write("MicroBlink", Split(size=6), tmp_path / "MicroBlink.tsv", admitted_only=True)


@pytest.fixture(scope="module")
def committed() -> pd.DataFrame:
    return read_table(admitted_kinds.TABLE, needed=COLUMNS, numbers=NUMBERS)


def test_the_committed_table_has_every_kind_in_every_way_of_asking(committed):
    lineages = ["base", *(f"base+{control}" for control in micro().evaluation.controls)]
    expected = [(name, *keys, way) for name, kinds in MICRO.items() for keys in kinds.generators for way in lineages]
    found = committed[["benchmark", "category", "kind", "lineage"]].itertuples(index=False, name=None)
    assert sorted(found) == sorted(expected), "run `snakemake admission`, and copy its table"


def test_the_committed_table_follows_the_rule_of_the_parameters(committed):
    rule = micro().evaluation.admission
    assert list(decide(committed, rule)) == list(committed["admitted"])
    groups = {name: kinds.group_size if name == "MicroHallusion" else 1 for name, kinds in MICRO.items()}
    assert list(committed["items"]) == [rule.items * groups[name] for name in committed["benchmark"]]


def test_the_committed_table_is_of_the_lens_of_the_parameters_and_of_the_stored_base(committed):
    assert set(committed["contrast"]) == {micro().models.vlm.lens.contrast}
    stored = yaml.safe_load((ROOT / "models/micro/pretrained.dvc").read_text(encoding="utf-8"))["outs"][0]["md5"]
    listing = json.loads(stored_file(stored).read_text(encoding="utf-8"))
    (manifest,) = [entry["md5"] for entry in listing if entry["relpath"] == "vlm/manifest.json"]
    assert set(committed["base"]) == {hashlib.sha256(stored_file(manifest).read_bytes()).hexdigest()[:12]}


def micro():
    return viper.config.read_run().scales["micro"]


def stored_file(md5: str) -> Path:
    return ROOT / "store/files/md5" / md5[:2] / md5[2:]
