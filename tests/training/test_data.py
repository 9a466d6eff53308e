"""Data sets, their order, and what they are turned into."""

import io

import pyarrow as pa
import pytest
from datasets import Dataset
from PIL import Image

from viper.config.training import TrainOptions
from viper.errors import ViperError
from viper.pictures import PictureError
from viper.synthesis.rows import IMAGES, TEXT, TEXTS, pack_image, write_rows
from viper.training import data


@pytest.fixture
def read(tmp_path):
    """Reads a data set as training does."""

    def read(path, **options):
        data.copy_rows(path, tmp_path / "copies" / "rows.arrow", **options)
        return data.open_rows(tmp_path / "copies" / "rows.arrow")

    return read


def test_reads_only_what_training_needs(toy, read):
    rows = read(toy / "vop" / "train.parquet")
    assert set(rows.column_names) == {"images", "prompt", "ground_truth"}
    assert [image.size for image in rows[0]["images"]] == [(64, 64)] * 2


def _eps() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9)).save(buffer, "EPS")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "cell",
    [
        {"bytes": _eps(), "path": "x.png"},
        {"bytes": b"", "path": "x.png"},
        {"bytes": None, "path": "x.png"},
        {"bytes": None, "path": "https://example.org/x.png"},
        None,
    ],
)
def test_cells_that_hold_no_picture_are_refused_by_row(tmp_path, read, cell):
    sound = pack_image(Image.new("RGB", (9, 9)))
    rows = [{"images": [sound, image], "prompt": "?", "ground_truth": ["!"]} for image in (sound, cell)]
    write_rows(tmp_path / "t.parquet", rows, {"images": IMAGES, "prompt": TEXT, "ground_truth": TEXTS})
    with pytest.raises(PictureError, match=r"t\.parquet, row 1: not an image"):
        read(tmp_path / "t.parquet")


@pytest.fixture(scope="module")
def data_sets(tmp_path_factory):
    """Data sets by their number of rows: noisy pictures of some 50 kB each."""
    folder, paths = tmp_path_factory.mktemp("data_sets"), {}
    pictures = [pack_image(Image.effect_noise((256, 256), 90 + row).convert("RGB")) for row in range(60)]
    for rows in (20, 60):
        table = [{"images": [image], "prompt": "?", "ground_truth": ["!"], "reasoning": "So."} for image in pictures]
        paths[rows] = folder / f"{rows}.parquet"
        columns = {"images": IMAGES, "prompt": TEXT, "ground_truth": TEXTS, "reasoning": TEXT}
        write_rows(paths[rows], table[:rows], columns)
    return paths


@pytest.mark.parametrize("rows", [20, 60])
@pytest.mark.parametrize("repeats", [1, 3, 50])
@pytest.mark.parametrize("method", ["grpo", "sft"])
def test_laying_out_rows_keeps_no_picture_in_memory(data_sets, tmp_path, grpo_options, rows, repeats, method):
    path = data_sets[rows]
    assert path.stat().st_size > 40_000 * rows
    options = grpo_options(data=["csr"], steps=rows * repeats // 2).model_copy()
    if method == "sft":
        phase = options.phase.model_dump(include={"data", "steps", "learning_rate", "prompts_per_step"})
        options = TrainOptions(phase=phase | {"method": "sft", "responses_per_pass": 1}, machine=options.machine,
                               records=options.records)  # fmt: skip
    before = pa.total_allocated_bytes()
    laid_out = data.lay_out(options, [path], tmp_path / "copies", seed=0)
    assert len(laid_out) == rows * repeats
    assert all(row["images"][0].size == (256, 256) for row in laid_out.select(range(rows)))
    stored = data.undecoded(laid_out)
    assert data.read_row(stored, 1) == laid_out[1]
    assert [file.name for file in (tmp_path / "copies").iterdir()] == ["csr.arrow"]
    assert (tmp_path / "copies" / "csr.arrow").stat().st_size < 1.1 * path.stat().st_size, "once, on disk as well"
    texts, numbers = 2_000 * rows, 2 * 8 * rows * repeats  # of the order, and of the order of the parts
    assert pa.total_allocated_bytes() - before < texts + numbers + 50_000


def test_copying_holds_a_few_rows_at_a_time(data_sets, tmp_path, monkeypatch):
    copy, written, read = tmp_path / "rows.arrow", [], data.parquet_batches

    def watched(path, rows):
        for batch in read(path, rows):
            written.append(copy.stat().st_size if copy.exists() else 0)
            yield batch

    monkeypatch.setattr(data, "parquet_batches", watched)
    data.copy_rows(data_sets[60], copy)
    assert len(written) > 3
    assert written == sorted(set(written)), "a batch is read when the one before is written"


def test_every_row_comes_once_before_any_comes_twice():
    first, second = (Dataset.from_dict({"prompt": [f"{name}{i}" for i in range(5)]}) for name in "ab")
    order = data.in_training_order([first, second], 25, seed=3)["prompt"]
    assert len(order) == 25
    assert set(order[:10]) == set(order[10:20]) == set(first["prompt"]) | set(second["prompt"])
    assert order[:10] != order[10:20]
    assert len(set(order[20:])) == 5
    assert order == data.in_training_order([first, second], 25, seed=3)["prompt"]
    assert order != data.in_training_order([first, second], 25, seed=4)["prompt"]


def test_data_sets_are_interleaved_in_their_own_orders():
    sets = [
        Dataset.from_dict({"prompt": [f"{name}{i}" for i in range(count)]}) for name, count in (("a", 40), ("b", 60))
    ]
    mixed = list(data.interleave(sets, seed=3)["prompt"])
    for part in sets:
        of_part = set(part["prompt"])
        assert [prompt for prompt in mixed if prompt in of_part] == list(part["prompt"])
    assert 8 <= sum(prompt.startswith("a") for prompt in mixed[:50]) <= 32, "shuffled, not one after the other"
    assert mixed == list(data.interleave(sets, seed=3)["prompt"])
    assert mixed != list(data.interleave(sets, seed=4)["prompt"])
    assert list(data.interleave(sets[:1], seed=3)["prompt"]) == list(sets[0]["prompt"])


def test_a_longer_run_begins_like_a_shorter_one():
    rows = Dataset.from_dict({"prompt": [str(i) for i in range(7)]})
    long, short = (list(data.in_training_order([rows], count, seed=0)["prompt"]) for count in (20, 9))
    assert long[:9] == short


def test_completions_are_written_from_ground_truth_unless_they_are_there():
    rows = Dataset.from_dict({"prompt": ["What?"], "ground_truth": [["One.", "Two."]]})
    chat = data.as_chat(data.with_completions(rows, "Look."))[0]
    assert chat["prompt"] == [{"role": "user", "content": "What?"}]
    assert chat["completion"] == [
        {"role": "assistant", "content": "<think> Look. </think><answer> One. Two. </answer>"}
    ]
    own = Dataset.from_dict({"prompt": ["What?"], "completion": ["Mine."]})
    assert data.with_completions(own, "Look.")["completion"] == ["Mine."]


def test_a_row_is_taught_with_the_reasoning_that_led_to_its_truth_unless_another_is_named(toy, read, tmp_path):
    rows = read(toy / "csr" / "train.parquet", with_reasoning=True)
    written = data.with_completions(rows, None)
    assert written.column_names == ["images", "prompt", "completion"]
    for row, taught in zip(rows, written["completion"], strict=True):
        assert taught == f"<think> {row['reasoning']} </think><answer> {' '.join(row['ground_truth'])} </answer>"
    assert data.with_completions(rows, "")["completion"][0].startswith("<think>  </think>")
    without = tmp_path / "train.parquet"
    rows.remove_columns("reasoning").to_parquet(without)
    with pytest.raises(ViperError, match="also needs reasoning"):
        read(without, with_reasoning=True)


def test_unusable_files_are_named(tmp_path, read):
    with pytest.raises(ViperError, match="no data set at"):
        read(tmp_path / "train.parquet")
    Dataset.from_dict({"prompt": ["What?"]}).to_parquet(tmp_path / "train.parquet")
    with pytest.raises(ViperError, match="ground_truth, images"):
        read(tmp_path / "train.parquet")
