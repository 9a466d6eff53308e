"""Files of benchmarks."""

import pandas as pd
import pytest

from microworld.adapters.benchmarks import draw_groups, table, write
from microworld.benchmarks import BENCHMARKS as MICRO
from microworld.scene import scene_stream, split_of
from viper.config.evaluation import Split
from viper.errors import ViperError
from viper.evaluation import world
from viper.evaluation.benchmark_tables import read_benchmark
from viper.files import write_table


@pytest.mark.parametrize("name", MICRO)
def test_no_benchmark_picture_is_a_training_picture(name):
    def layout(scene):
        return [(t.kind, t.color, t.size, t.cell) for t in scene.objects], scene.shade, scene.texture

    shown = [s for group in draw_groups(name, 3, 8, "test") for question in group for s in question.scenes]
    assert {split_of(scene) for scene in shown} == {"test"}
    # The split is a function of the layout, so a training picture, whatever its seed, has another layout.
    training = [scene for _, scene in zip(range(300), scene_stream(0), strict=False)]
    assert {split_of(scene) for scene in training} == {"train"}
    assert not [scene for scene in shown if layout(scene) in list(map(layout, training))]


def test_a_seed_makes_the_same_file_and_another_seed_another(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write("MicroBlink", Split(seed=seed, size=6), tmp_path / name, admitted_only=False)
    first, again, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == again != other


def test_categories_have_equal_shares(questions):
    shares = pd.Series([q.category for q in questions["MicroWorldQA"]]).value_counts()
    assert set(shares) == {2}


def test_a_size_counts_what_is_scored_together():
    assert len(table(draw_groups("MicroHallusion", 0, 3, "train"))) == 3 * world.rows_an_item("MicroHallusion") == 12
    assert len(table(draw_groups("MicroBlink", 0, 3, "train"))) == 3 * world.rows_an_item("MicroBlink") == 3


def test_an_index_tells_hallusion_set_figure_and_question():
    rows = table(draw_groups("MicroHallusion", 0, 2, "train"))
    assert list(rows["index"].str.split("_").str[3:].str.join("_")) == [
        f"{number}_{figure}_{question}" for number in (0, 1) for figure in (0, 1) for question in (0, 1)
    ]


def test_crpe_truth_is_no_bare_letter():
    rows = table(draw_groups("MicroCRPE", 0, 2, "train"))
    assert rows["answer"].str.fullmatch(r"[ABCD]\. .+").all()


def test_a_text_that_pandas_would_take_for_missing_or_a_number_survives_the_file(tmp_path, questions):
    texts = ["None", "3", "3.0", "nan", "007", "N/A", "a\rb", "True"]
    rows = table([[question] for question in questions["MicroStar"]]).assign(A=texts, question=texts)
    write_table(tmp_path / "x.tsv", rows)
    found = read_benchmark(tmp_path / "x.tsv", tmp_path / "pictures")
    assert found["A"].tolist() == found["question"].tolist() == texts


def test_an_unknown_benchmark_is_refused(tmp_path):
    with pytest.raises(ViperError, match="MicroStar"):
        write("MMStar", Split(size=8), tmp_path / "x.tsv", admitted_only=False)
