"""Whole runs of training on the toy problem."""

import csv
import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText, AutoProcessor
from trl import GRPOTrainer

from viper.cluster import ending
from viper.config.models import Lens
from viper.config.training import Training, TrainOptions, one_run
from viper.errors import ViperError
from viper.manifest import model_folder, sha256, write_manifest
from viper.models.lens import look_through
from viper.synthesis.rows import IMAGES, TEXT, TEXTS, pack_image, read_rows, unpack_image, write_rows
from viper.training import data, run
from viper.training.checkpoints import RECORDS, last_whole
from viper.training.records import COLUMNS
from viper.training.run import Places, train


def places(toy, root, data=("csr", "vop")):
    return Places(
        parent=toy / "base" / "manifest.json",
        data=tuple(toy / name / "train.parquet" for name in data),
        work=root / "work",
        model=root / "model",
        metrics=root / "metrics" / "train.csv",
        rollouts=root / "metrics" / "rollouts.jsonl",
    )


def write_checkpoint(folder):
    folder.mkdir(parents=True)
    for name in ("model.safetensors", *RECORDS):
        (folder / name).write_text(f"{name} at this step")
    write_manifest(folder)
    return folder


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def without_seconds(rows):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


@pytest.fixture(scope="module")
def trained(toy, reward, grpo_options, tmp_path_factory):
    """A finished run on one- and two-image prompts shuffled together."""
    where = places(toy, tmp_path_factory.mktemp("trained"))
    train(grpo_options(), where, seed=7, scorer=reward, notes={"lineage": "base.mix"})
    return where


def test_checkpoint_loads_and_differs_from_its_parent(trained, toy):
    folder = model_folder(trained.model / "manifest.json")
    AutoModelForImageTextToText.from_pretrained(folder)
    AutoProcessor.from_pretrained(folder)
    assert sha256(folder / "model.safetensors") != sha256(toy / "base" / "model.safetensors")
    assert not trained.work.exists()


def test_metrics_have_one_row_per_step(trained):
    rows = rows_of(trained.metrics)
    assert tuple(rows[0]) == COLUMNS
    assert [int(row["step"]) for row in rows] == [1, 2, 3]
    may_be_empty = ("copied", "precision", "alarm")  # hardly an answer has a sentence, and the reward pays for none
    for row in rows:
        assert all(value for name, value in row.items() if name not in may_be_empty), f"empty metrics: {row}"
        assert (row["alarm"] == "distinct") == (float(row["distinct"]) < 1.5)
        parts = 0.05 + 0.95 * float(row["reward_correct"])
        assert float(row["reward"]) == pytest.approx(parts, abs=1e-4)  # the toy reward's weights
        assert float(row["seconds"]) > 0


def test_rollouts_are_whole_groups_of_every_second_step(trained):
    lines = [json.loads(line) for line in trained.rollouts.read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 1, 1, 3, 3, 3]
    assert {line["prompt"] for line in lines[:3]} == {lines[0]["prompt"]}
    assert set(lines[0]) == {"step", "prompt", "ground_truth", "completion", "format", "correct", "reward"}


def test_record_says_what_was_done(trained, toy):
    record = json.loads((trained.model / "training_config.json").read_text())
    assert record["seed"] == 7
    assert record["lineage"] == "base.mix"
    assert record["data"][0]["sha256"] == sha256(toy / "csr" / "train.parquet")
    assert record["options"]["phase"]["epsilon_high"] == 0.28
    trainer = record["trainer"]
    assert (trainer["loss_type"], trainer["beta"], trainer["scale_rewards"]) == ("grpo", 0.0, "group")
    assert (trainer["epsilon"], trainer["epsilon_high"], trainer["temperature"]) == (0.2, 0.28, 1.0)
    assert "trl" in record["versions"]


def test_attention_is_computed_as_the_machine_says_and_noted_where_that_is_not_the_models_own(
    trained, toy, tmp_path, reward, grpo_options, monkeypatch
):
    used = []
    monkeypatch.setattr(run, "freeze_vision_tower", lambda model: used.append(model))
    where = places(toy, tmp_path, data=("csr",))
    options = grpo_options(data=["csr"], steps=1, freeze_vision=True)
    machine = options.machine.model_copy(update={"attention": "eager"})
    train(options.model_copy(update={"machine": machine}), where, seed=7, scorer=reward)
    (model,) = used
    configured = [part.config._attn_implementation for part in model.modules() if hasattr(part, "config")]
    assert len(configured) > 3
    assert set(configured) == {"eager"}
    records = [json.loads((place.model / "training_config.json").read_text()) for place in (where, trained)]
    assert [record["options"]["machine"].get("attention") for record in records] == ["eager", None]


def test_same_inputs_give_the_same_bytes(trained, toy, tmp_path, reward, grpo_options):
    again = places(toy, tmp_path)
    train(grpo_options(), again, seed=7, scorer=reward, notes={"lineage": "base.mix"})
    assert sha256(again.model / "model.safetensors") == sha256(trained.model / "model.safetensors")
    assert without_seconds(rows_of(again.metrics)) == without_seconds(rows_of(trained.metrics))
    assert again.rollouts.read_text() == trained.rollouts.read_text()


def test_interrupted_run_ends_with_the_same_bytes(trained, toy, tmp_path, reward, interrupted_reward, grpo_options):
    where = places(toy, tmp_path)

    with pytest.raises(KeyboardInterrupt):
        train(grpo_options(), where, seed=7, scorer=interrupted_reward, notes={"lineage": "base.mix"})
    assert not where.model.exists()
    assert (where.work / "checkpoint-2").is_dir()

    torch.manual_seed(99)  # whatever this process did in between must not matter
    train(grpo_options(), where, seed=7, scorer=reward, notes={"lineage": "base.mix"})
    assert sha256(where.model / "model.safetensors") == sha256(trained.model / "model.safetensors")
    assert without_seconds(rows_of(where.metrics)) == without_seconds(rows_of(trained.metrics))
    assert where.rollouts.read_text() == trained.rollouts.read_text()


def test_a_damaged_checkpoint_is_passed_over_and_the_bytes_stay_the_same(
    trained, toy, tmp_path, reward, interrupted_reward, grpo_options, caplog
):
    where = places(toy, tmp_path)
    options = grpo_options(checkpoint_every=1)
    with pytest.raises(KeyboardInterrupt):
        train(options, where, seed=7, scorer=interrupted_reward, notes={"lineage": "base.mix"})
    assert sorted(path.name for path in where.work.glob("checkpoint-*")) == ["checkpoint-1", "checkpoint-2"]
    damaged = where.work / "checkpoint-2" / "optimizer.pt"
    caplog.set_level("INFO")
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)

    train(options, where, seed=7, scorer=reward, notes={"lineage": "base.mix"})
    assert f"{damaged}: damaged" in caplog.text
    assert "1 done" in caplog.text
    assert sha256(where.model / "model.safetensors") == sha256(trained.model / "model.safetensors")
    assert without_seconds(rows_of(where.metrics)) == without_seconds(rows_of(trained.metrics))
    assert where.rollouts.read_text() == trained.rollouts.read_text()


TWO_UPDATES = {"updates_per_rollout": 2, "steps": 6, "learning_rate": 1e-2}


@pytest.fixture(scope="module")
def twice(toy, reward, grpo_options, tmp_path_factory):
    """A finished run of two updates on each sampling."""
    where = places(toy, tmp_path_factory.mktemp("twice"))
    train(grpo_options(**TWO_UPDATES), where, seed=7, scorer=reward)
    return where


def test_the_second_update_on_the_same_responses_is_clipped(twice):
    rows = rows_of(twice.metrics)
    clipped = [float(row["clip_low"]) + float(row["clip_high"]) for row in rows]
    assert [int(row["step"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    assert clipped[0::2] == [0, 0, 0], "the policy that sampled is the one that is updated"
    assert all(share > 0 for share in clipped[1::2])
    assert [bool(row["reward"]) for row in rows] == [True, False] * 3, "a reward belongs to its sampling"


def test_a_run_that_was_interrupted_between_samplings_ends_with_the_same_bytes(
    twice, toy, tmp_path, reward, interrupted_reward, grpo_options
):
    where, options = places(toy, tmp_path), grpo_options(**TWO_UPDATES)
    with pytest.raises(KeyboardInterrupt):
        train(options, where, seed=7, scorer=interrupted_reward)
    assert (where.work / "checkpoint-4").is_dir()
    train(options, where, seed=7, scorer=reward)
    assert sha256(where.model / "model.safetensors") == sha256(twice.model / "model.safetensors")
    assert without_seconds(rows_of(where.metrics)) == without_seconds(rows_of(twice.metrics))
    assert where.rollouts.read_text() == twice.rollouts.read_text()


IN_PARTS = {"updates": "parts", "updates_per_rollout": 2, "steps": 6, "learning_rate": 1e-2}


@pytest.fixture(scope="module")
def in_parts(toy, reward, grpo_options, tmp_path_factory):
    """A finished run whose samplings are of twice the prompts of a step; and the tokens each update was made on."""
    where, updates = places(toy, tmp_path_factory.mktemp("parts")), []
    compute_loss = GRPOTrainer._compute_loss

    def remember(self, model, inputs):
        kept = zip(inputs["prompt_ids"], inputs["completion_ids"], inputs["completion_mask"].bool(), strict=True)
        updates.append([(*prompt.tolist(), *ids[mask].tolist()) for prompt, ids, mask in kept])
        return compute_loss(self, model, inputs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GRPOTrainer, "_compute_loss", remember)
        train(grpo_options(responses_per_pass=6, **IN_PARTS), where, seed=7, scorer=reward)
    return where, updates


def test_each_update_is_made_on_another_part_of_a_sampling_and_clipped_from_the_second_on(in_parts, toy, grpo_options):
    where, updates = in_parts
    rows = rows_of(where.metrics)
    assert [bool(row["reward"]) for row in rows] == [True, False] * 3, "a reward belongs to its sampling"
    clipped = [float(row["clip_low"]) + float(row["clip_high"]) for row in rows]
    assert clipped[0::2] == [0, 0, 0], "the policy that sampled is the one that is updated"
    assert all(share > 0 for share in clipped[1::2])
    assert [len(update) for update in updates] == [6] * 6, "a step is of 2 prompts × 3 responses either way"
    for first, second in zip(updates[0::2], updates[1::2], strict=True):
        assert not set(first) & set(second)
    files = tuple(toy / name / "train.parquet" for name in ("csr", "vop"))
    laid = data.lay_out(grpo_options(**IN_PARTS), files, where.work / "laid", 7)
    assert len(laid) == 12, "so many prompts as updates together have"


def test_a_run_in_parts_that_was_interrupted_ends_with_the_same_bytes(
    in_parts, toy, tmp_path, reward, interrupted_reward, grpo_options
):
    (whole, _), where = in_parts, places(toy, tmp_path)
    options = grpo_options(responses_per_pass=6, **IN_PARTS)
    with pytest.raises(KeyboardInterrupt):
        train(options, where, seed=7, scorer=interrupted_reward)
    assert (where.work / "checkpoint-4").is_dir()
    train(options, where, seed=7, scorer=reward)
    assert sha256(where.model / "model.safetensors") == sha256(whole.model / "model.safetensors")
    assert without_seconds(rows_of(where.metrics)) == without_seconds(rows_of(whole.metrics))
    assert where.rollouts.read_text() == whole.rollouts.read_text()


def test_a_checkpoint_before_the_end_of_a_slurm_job_waits_for_the_next_sampling_and_changes_nothing(
    twice, toy, tmp_path, reward, interrupted_reward, grpo_options, monkeypatch, caplog
):
    where, options = places(toy, tmp_path), grpo_options(checkpoint_every=100, **TWO_UPDATES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    note = tmp_path / ending.FOLDER / "17"
    note.parent.mkdir(parents=True)
    note.touch()
    with pytest.raises(KeyboardInterrupt):
        train(options, where, seed=7, scorer=interrupted_reward)
    assert [path.name for path in where.work.glob("checkpoint-*")] == ["checkpoint-2"], "not after step 1, and once"
    assert not note.exists()
    caplog.set_level("INFO")
    train(options, where, seed=7, scorer=reward)
    assert "2 done" in caplog.text
    assert sha256(where.model / "model.safetensors") == sha256(twice.model / "model.safetensors")
    assert without_seconds(rows_of(where.metrics)) == without_seconds(rows_of(twice.metrics))
    assert where.rollouts.read_text() == twice.rollouts.read_text()


@pytest.mark.parametrize("updates", [1, 2])
def test_mixed_training_sees_the_prompts_of_both_stages_each_as_often(toy, tmp_path, grpo_options, updates):
    """Not in the proportion of the data sets: here both have 12 rows, and CSR three times the steps of VOP."""
    phase = grpo_options(updates_per_rollout=updates).phase.model_dump()
    phases = {
        "csr": phase | {"data": ["csr"], "steps": 18},
        "vop": phase | {"data": ["vop"], "steps": 6},
        "mix": phase | {"data": ["csr", "vop"], "steps": ["csr", "vop"]},
    }
    training = Training(machine={"precision": "float32"}, records={}, cold_start={"source": "truth"}, phases=phases)
    seen = {}
    for name, phase in training.phases.items():
        files = tuple(toy / data_set / "train.parquet" for data_set in phase.data)
        rows = data.lay_out(one_run(training, name), files, tmp_path / name, 7)
        seen[name] = [(len(row["images"]), row["images"][0].getpixel((0, 0))) for row in rows]
    assert (len(seen["csr"]), len(seen["vop"])) == (36 // updates, 12 // updates)
    for number_of_images, stage in ((1, "csr"), (2, "vop")):
        assert [each for each in seen["mix"] if each[0] == number_of_images] == seen[stage]
    assert len(seen["mix"]) == len(seen["csr"]) + len(seen["vop"])


def test_another_configuration_does_not_resume(tmp_path):
    recipe = {"seed": 1}
    assert run._prepare_work(tmp_path / "work", recipe) is None
    checkpoint = write_checkpoint(tmp_path / "work" / "checkpoint-2")
    (tmp_path / "work" / "checkpoint-4").mkdir()  # died while it was written
    assert run._prepare_work(tmp_path / "work", recipe) == checkpoint
    assert (tmp_path / "work" / "train.csv").read_text() == "train.csv at this step"
    assert run._prepare_work(tmp_path / "work", {"seed": 2}) is None
    assert not checkpoint.exists()


def test_supervised_training_learns_the_answers(toy, tmp_path):
    options = TrainOptions(
        phase={
            "method": "sft",
            "data": ["csr", "vop"],
            "steps": 12,
            "learning_rate": 1e-3,
            "prompts_per_step": 6,
            "responses_per_pass": 6,
        },
        machine={"precision": "float32"},
        records={"checkpoint_every": 50},
    )
    where = places(toy, tmp_path)
    train(options, where, seed=0)
    losses = [float(row["loss"]) for row in rows_of(where.metrics)]
    assert max(losses[-3:]) < 0.9 * losses[0]
    tokens = [float(row["tokens"]) for row in rows_of(where.metrics)]
    assert 0 < max(tokens) < 2 * min(tokens), "tokens are those of each step, not of all so far"
    assert where.rollouts.read_text() == ""
    assert model_folder(where.model / "manifest.json")


def test_frozen_vision_tower_does_not_move(toy, tmp_path, reward, grpo_options):
    where = places(toy, tmp_path, data=("csr",))
    train(grpo_options(data=["csr"], steps=1, freeze_vision=True), where, seed=0, scorer=reward)
    before, after = (load_file(path / "model.safetensors") for path in (toy / "base", where.model))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert not any("visual" in name for name in changed)


def test_missing_inputs_stop_before_training(toy, tmp_path, reward, grpo_options):
    where = places(toy, tmp_path)
    with pytest.raises(ViperError, match="needs a reward"):
        train(grpo_options(), where, seed=0)
    with pytest.raises(ViperError, match="is missing"):
        train(grpo_options(), replace(where, parent=tmp_path / "manifest.json"), seed=0, scorer=reward)
    with pytest.raises(ViperError, match="is missing"):
        train(grpo_options(data=["vop"]), replace(where, data=(tmp_path / "train.parquet",)), seed=0, scorer=reward)
    with pytest.raises(ViperError, match=r"--data names 1 files, the phase trains on 2 data sets: .* csr, vop"):
        train(grpo_options(), replace(where, data=(tmp_path / "train.parquet",)), seed=0, scorer=reward)


@pytest.mark.parametrize("name", ["model.safetensors", "train.csv", "rollouts.jsonl", "manifest.json"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "gone", "a folder"])
def test_any_damage_to_a_checkpoint_leaves_the_one_before(name, damage, tmp_path):
    write_checkpoint(tmp_path / "checkpoint-9")
    before = write_checkpoint(tmp_path / "checkpoint-10")
    victim = write_checkpoint(tmp_path / "checkpoint-11") / name
    content = victim.read_bytes()
    if damage in ("flipped", "cut"):
        victim.write_bytes(content[:-4] if damage == "cut" else content[:-4] + bytes([content[-4] ^ 1]) + content[-3:])
    else:
        victim.unlink()
        if damage == "a folder":
            victim.mkdir()
    assert last_whole(tmp_path) == before


def test_a_lens_stands_between_the_model_and_the_pictures_of_its_data(toy, reward, grpo_options, tmp_path):
    lens, clear = Lens(contrast=0.5), toy / "vop" / "train.parquet"
    rows = read_rows(clear)
    for row in rows:
        row["images"] = [pack_image(look_through(lens, unpack_image(image))) for image in row["images"]]
    write_rows(tmp_path / "shifted.parquet", rows, {"images": IMAGES, "prompt": TEXT, "ground_truth": TEXTS})

    def weights(name, data, seen_through=None):
        where = replace(places(toy, tmp_path / name), data=(data,))
        train(grpo_options(steps=2, data=["vop"]), where, seed=7, scorer=reward, lens=seen_through)
        return (where.model / "model.safetensors").read_bytes()

    assert weights("lens", clear, lens) == weights("shifted", tmp_path / "shifted.parquet") != weights("clear", clear)
