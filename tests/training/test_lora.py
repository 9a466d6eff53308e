"""Low-rank adapters: a step trains only them, and the checkpoint is whole again."""

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText

from viper.manifest import sha256
from viper.training.run import Places, train

LORA = {"rank": 4, "alpha": 8}


def places(toy, root):
    return Places(
        parent=toy / "base" / "manifest.json",
        data=(toy / "csr" / "train.parquet",),
        work=root / "work",
        model=root / "model",
        metrics=root / "metrics" / "train.csv",
        rollouts=root / "metrics" / "rollouts.jsonl",
    )


@pytest.fixture(scope="module")
def options(grpo_options):
    return grpo_options(data=["csr"], lora=LORA, freeze_vision=True)


@pytest.fixture(scope="module")
def trained(toy, reward, options, tmp_path_factory):
    where = places(toy, tmp_path_factory.mktemp("lora"))
    train(options, where, seed=7, scorer=reward)
    return where


def test_the_checkpoint_has_the_adapters_merged_in(trained, toy):
    before, after = (load_file(folder / "model.safetensors") for folder in (toy / "base", trained.model))
    assert before.keys() == after.keys()
    changed = {name: after[name] - before[name] for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all("visual" not in name and name.endswith("proj.weight") for name in changed), changed.keys()
    for difference in changed.values():
        assert torch.linalg.matrix_rank(difference, rtol=1e-3) <= LORA["rank"]
    AutoModelForImageTextToText.from_pretrained(trained.model)
    assert not (trained.model / "adapter_config.json").exists()


def test_an_interrupted_run_ends_with_the_same_bytes(trained, toy, reward, interrupted_reward, options, tmp_path):
    where = places(toy, tmp_path)

    with pytest.raises(KeyboardInterrupt):
        train(options, where, seed=7, scorer=interrupted_reward)
    assert (where.work / "checkpoint-2").is_dir()
    torch.manual_seed(99)
    train(options, where, seed=7, scorer=reward)
    assert sha256(where.model / "model.safetensors") == sha256(trained.model / "model.safetensors")
