"""Each VLM family through the whole loop: captions to data sets, one training step by GRPO and by SFT, benchmarks."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image, ImageOps
from safetensors.torch import load_file

from method import method
from microworld.adapters.benchmarks import write
from scripted_loop import make_data_sets, make_shards, write_tables
from viper.config.evaluation import Asking, Split
from viper.config.models import EditorSection, PainterSection, VlmSection
from viper.config.reward import Reward as RewardSection
from viper.config.synthesis import Synthesis
from viper.config.training import TrainOptions
from viper.evaluation.run import evaluate
from viper.models.editor import load_editor
from viper.models.embedder import SentenceEmbedder
from viper.models.painter import load_painter
from viper.models.vlm import load_vlm
from viper.reward.scoring import Reward
from viper.synthesis.assemble import assemble
from viper.synthesis.loop import run_loop
from viper.synthesis.rows import pack_image
from viper.training.run import Places, train

MADE = {"lineage": "base", "seed": 0}
SYNTHESIS = Synthesis(
    labels="loop",
    opinions={"captions": 0, "least": 0}, answers={"accept": "format"},
    prompts="paper", csr_size=2, vop_size=2, allow_fewer=True,
    **{step: {"max_new_tokens": 12} for step in ("caption", "critique", "refine", "entities")},
    operations={"language": "english", "types": ["color"]},
    edit={"one_by_one": True, "min_change": 0.0, "max_change": 1.0},
)  # fmt: skip
PHASES = {
    "grpo": {**method("training.phases.csr"), "data": ["csr", "vop"], "rollouts": 4, "prompts_per_step": 2,
             "responses_per_pass": 4, "max_completion_length": 12, "steps": 1, "learning_rate": 1e-3},
    "sft": {"method": "sft", "data": ["csr", "vop"], "prompts_per_step": 2, "responses_per_pass": 1, "steps": 1,
            "learning_rate": 1e-3, "freeze_vision": True},
}  # fmt: skip


class Negative:
    """Painter and editor where only the VLM matters: pictures of two sizes, and the same in negative."""

    def paint(self, prompts, *, seeds, shapes):
        return [Image.effect_noise((96, 64 + 32 * (seed % 2)), 60).convert("RGB") for seed in seeds]

    def edit(self, images, instructions, *, seeds):
        return [ImageOps.invert(image) for image in images]


def processor_options(name):
    """As params.yaml has them for Qwen2.5-VL; one tile a picture for InternVL, whose twelve would take minutes."""
    return {"qwen2_5_vl": {"min_pixels": 200704, "max_pixels": 1003520}, "internvl": {"max_patches": 1}}.get(name, {})


def synthesize(vlm, painter, editor, root: Path, images) -> dict[str, Path]:
    """The loop's steps on one shard; return the data sets."""
    seeds = [{"id": f"{number}", "image": pack_image(image), "source": "noise"} for number, image in enumerate(images)]
    shards, data_sets = make_shards(root, 1), make_data_sets(root / "dataset")
    write_tables(shards, 0, run_loop(seeds, vlm, painter, editor, SYNTHESIS, **MADE))
    assemble(shards, data_sets, SYNTHESIS, **MADE)
    return {"csr": data_sets.csr, "vop": data_sets.vop}


@pytest.fixture(scope="module")
def reward(bge_m3):
    section = RewardSection(**method("reward", embedder={"path": str(bge_m3), "device": "cpu"}))
    return Reward(SentenceEmbedder(section.embedder), section, 0.85)


@pytest.fixture(scope="module")
def synthesized(family, tmp_path_factory):
    """A family's VLM and the data sets that it made with stand-ins for painter and editor."""
    options = processor_options(family.name)
    vlm = load_vlm(family.folder, VlmSection(path=str(family.folder), device="cpu", batch_size=4, processor=options))
    root = tmp_path_factory.mktemp(f"{family.name}_data")
    images = [Image.effect_noise(size, 60).convert("RGB") for size in ((128, 96), (96, 128), (64, 64))]
    stand_in = Negative()
    return SimpleNamespace(vlm=vlm, family=family, data=synthesize(vlm, stand_in, stand_in, root, images))


@pytest.mark.parametrize("method", PHASES)
def test_a_family_synthesizes_and_trains(synthesized, reward, tmp_path, method):
    family = synthesized.family
    options = TrainOptions(phase=PHASES[method], machine={"precision": "bfloat16"}, records={"rollouts_every": 1})
    where = Places(
        parent=family.folder / "manifest.json",
        data=tuple(synthesized.data.values()),
        work=tmp_path / "work",
        model=tmp_path / "model",
        metrics=tmp_path / "metrics" / "train.csv",
        rollouts=tmp_path / "metrics" / "rollouts.jsonl",
    )
    train(options, where, seed=0, scorer=reward, processor_options=processor_options(family.name))
    before, after = (load_file(folder / "model.safetensors") for folder in (family.folder, where.model))
    assert {name: weights.dtype for name, weights in before.items()} == {name: w.dtype for name, w in after.items()}
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    eyes = {name for name in changed if "visual" in name or "vision" in name}
    assert changed - eyes
    assert bool(eyes) == (method == "grpo"), "frozen in the other"
    trained = load_vlm(where.model, VlmSection(path=str(where.model), device="cpu"))
    assert len(evaluated(trained, tmp_path)) == 2


def evaluated(vlm, folder: Path):
    """A benchmark of one picture and one of several, four items each."""
    for name in ("MicroStar", "MicroBlink"):
        write(name, Split(seed=1, size=4), folder / f"{name}.tsv", admitted_only=False)
    files = [folder / f"{name}.tsv" for name in ("MicroStar", "MicroBlink")]
    results = evaluate(vlm, files, Asking(max_new_tokens=12))
    assert all(len(result.items) == 4 and result.items["prediction"].str.len().all() for result in results.values())
    return results


def test_the_papers_models_go_round_the_loop(save_family, qwen_pipelines, tmp_path, monkeypatch):
    """Qwen2.5-VL, Qwen-Image and Qwen-Image-Edit together, from photograph to data set."""
    import diffusers.pipelines.qwenimage.pipeline_qwenimage_edit as module

    # The editor works at 1024 x 1024 pixels whatever it is given; test_adapters.py does that once.
    monkeypatch.setattr(module, "calculate_dimensions", lambda area, ratio: (64, 64, None))
    folder = save_family("qwen2_5_vl", tmp_path / "vlm")
    vlm = load_vlm(folder, VlmSection(path=str(folder), device="cpu", processor=processor_options("qwen2_5_vl")))
    calls = {"num_inference_steps": 1, "true_cfg_scale": 4.0, "negative_prompt": " "}
    painting = {"height": 64, "width": 64, **calls}
    painter = load_painter(
        PainterSection(path=str(qwen_pipelines["painter"]), device="cpu", batch_size=2, arguments=painting)
    )
    editor = load_editor(EditorSection(path=str(qwen_pipelines["editor"]), device="cpu", batch_size=1, arguments=calls))
    images = [Image.effect_noise(size, 60).convert("RGB") for size in ((640, 480), (480, 640))]
    data = synthesize(vlm, painter, editor, tmp_path / "data", images)
    assert all(path.is_file() for path in data.values())
