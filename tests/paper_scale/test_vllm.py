"""vLLM's interfaces with a stand-in for the engine: what it is given, and what is refused. vLLM itself is not here."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from packaging.version import Version
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

import pretended_vllm
from method import method
from viper.config.models import Vllm, VlmSection
from viper.config.training import TrainOptions, VllmRollouts
from viper.errors import ViperError
from viper.models import engine as engines
from viper.models.base import Chat
from viper.models.transformers_vlm import load_transformers
from viper.models.vllm import VllmVLM
from viper.models.vlm import load_vlm
from viper.training import grpo
from viper.training.vllm_rollouts import CheckedGeneration, stage_for_engine

ROOT = Path(__file__).parents[2]
SIZES = {"min_pixels": 200704, "max_pixels": 1003520}  # as in params.yaml


@pytest.fixture(scope="module")
def folder(save_family, tmp_path_factory):
    return save_family("qwen2_5_vl", tmp_path_factory.mktemp("vllm"))


@pytest.fixture(scope="module")
def processor(folder):
    return AutoProcessor.from_pretrained(folder, **SIZES)


@pytest.fixture
def pictures():
    return [Image.effect_noise(size, 60).convert("RGB") for size in ((300, 240), (640, 480))]


@pytest.fixture
def module(monkeypatch):
    """The stand-in for vLLM, of a version that is taken, on a machine that shows one GPU.

    Whoever asks torch whether CUDA is available, or initializes it, fails: vLLM's processes could not be forked then.
    """

    def initialize(*_):
        raise AssertionError("CUDA was initialized before vLLM has started")

    monkeypatch.setitem(sys.modules, "vllm", pretended_vllm.module())
    monkeypatch.setattr(engines, "_installed_vllm", lambda: Version("0.30.0"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_available", initialize)
    monkeypatch.setattr(torch.cuda, "_lazy_init", initialize)
    monkeypatch.delenv(engines.START_METHOD, raising=False)
    return sys.modules["vllm"]


@pytest.fixture
def engine(folder):
    return pretended_vllm.LLM(str(folder), mm_processor_kwargs=SIZES)


@pytest.fixture
def section(folder):
    return VlmSection(
        path=str(folder), device="cuda", engine="auto", processor=SIZES, vllm={"max_length": 4000, "gpu_share": 0.7}
    )


def test_vllm_is_started_anew_and_before_cuda(folder, section, module):
    model = load_vlm(folder, section)
    assert isinstance(model, VllmVLM)
    assert model.engine.start_method == "spawn"
    options = model.engine.options
    assert (options["max_model_len"], options["gpu_memory_utilization"]) == (4000, 0.7)
    assert not options["enable_sleep_mode"]


def test_whatever_was_set_it_is_not_forked(folder, section, module, monkeypatch):
    monkeypatch.setenv(engines.START_METHOD, "fork")
    assert load_vlm(folder, section).engine.start_method == "spawn"


def test_vllm_is_for_gpus_alone(folder, section, module):
    assert not isinstance(load_vlm(folder, section.model_copy(update={"device": "cpu"})), VllmVLM)


def test_it_sleeps_but_when_it_is_asked(folder, section, module, pictures):
    asleep = section.model_copy(update={"vllm": section.vllm.model_copy(update={"sleep": True})})
    model = load_vlm(folder, asleep)
    assert model.engine.awake == set(), "the GPU is somebody else's until the first question"
    for _ in range(2):
        assert model.answer([Chat(pictures[:1], "Describe.")], max_new_tokens=5) == ["answer 0"]
    assert model.engine.calls == ["sleep 1", *["wake None", "sleep 1"] * 2]
    assert model.answer([], max_new_tokens=5) == []
    assert model.engine.calls[-1] == "sleep 1"


@pytest.mark.parametrize(
    ("room", "message"),
    [
        (100, r"The decoder prompt \(length \d+\) is longer than .* 100\..*: raise models\.vlm\.vllm\.max_length"),
        (1300, r"models\.vlm\.vllm\.max_length 1300: the longest prompt has 12\d\d tokens, .* raise it to 17\d\d"),
    ],
)
def test_a_prompt_for_which_there_is_no_room_names_the_parameter(folder, section, module, room, message):
    model = load_vlm(folder, section.model_copy(update={"vllm": Vllm(max_length=room)}))
    large = Image.effect_noise((1600, 1200), 60).convert("RGB")
    with pytest.raises(ViperError, match=message):
        model.answer([Chat([large], "Describe.")], max_new_tokens=512)
    other = load_vlm(folder, section.model_copy(update={"vllm": Vllm(max_length=room)}), "evaluation.vllm")
    with pytest.raises(ViperError, match=message.replace("models\\.vlm", "evaluation")):
        other.answer([Chat([large], "Describe.")], max_new_tokens=512)


@pytest.mark.parametrize("said", [
    ValueError("Free memory on device cuda:0 (9/79 GiB) on startup is less than desired GPU memory utilization (0.7)."),
    ValueError("To serve at least one request with the model's max seq len (128000), (6.84 GiB KV cache is needed)"),
    RuntimeError("Engine core initialization failed. See root cause above. Failed core proc(s): {}"),
])  # fmt: skip
def test_too_little_memory_names_the_parameters(folder, section, module, monkeypatch, said):
    def start(*_, **__):
        raise said

    monkeypatch.setattr(module, "LLM", start)
    with pytest.raises(ViperError, match=r"(?s)did not start: .*models\.vlm\.vllm\.gpu_share 0\.7.*lower max_length$"):
        load_vlm(folder, section)
    said.args = ("no such model",)
    with pytest.raises(type(said), match="no such model"):
        load_vlm(folder, section)


def test_nobody_asks_for_gpus_in_the_way_that_initializes_cuda():
    """Any such question, anywhere, may come before vLLM's start."""
    asking = ("torch.cuda.is_available", "torch.cuda.init", "torch.cuda.current_device", "torch.cuda.get_device")
    # What measures a GPU, and what a preflight tries on one, starts no vLLM in its process.
    apart = {ROOT / "src/viper/models/base.py", ROOT / "src/viper/cluster/commands.py"}
    apart |= set((ROOT / "src/viper/bench/gpu").glob("*.py"))
    files = [path for path in (ROOT / "src").rglob("*.py") if path not in apart]
    found = [f"{path}: {name}" for path in files for name in asking if name in path.read_text(encoding="utf-8")]
    assert found == []


def test_a_process_that_is_spawned_does_not_run_the_command_line_again():
    done = subprocess.run([sys.executable, "-c", "import viper.__main__"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_chats_are_answered_in_order(engine, processor, pictures, module):
    chats = [Chat(pictures, "Compare."), Chat(pictures[:1], "Describe."), Chat([], "Hello.", begin="<think>")]
    answers = VllmVLM(engine, processor).answer(chats, max_new_tokens=7, temperature=1.0, seeds=[5, 6, 7])
    assert answers == ["answer 0", "answer 1", "<think>  answer 2"]
    assert [each.seed for _, each in engine.given] == [5, 6, 7], "each request has its chat's own"
    (first, parameters), *_ = engine.given
    assert first["prompt"].count("<|image_pad|>") == 2, "the engine expands them itself"
    assert first["multi_modal_data"]["image"] == pictures
    assert (parameters.max_tokens, parameters.temperature, parameters.seed) == (7, 1.0, 5)
    assert set(parameters.logit_bias) == {processor.tokenizer.convert_tokens_to_ids(t) for t in (
        "<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>")}  # fmt: skip


def test_an_engine_that_sees_other_sizes_is_refused(engine, folder, pictures, module):
    other = AutoProcessor.from_pretrained(folder, min_pixels=28 * 28 * 4, max_pixels=28 * 28 * 64)
    with pytest.raises(ViperError, match="the engine corrupts prompts"):
        VllmVLM(engine, other).answer([Chat(pictures, "Compare.")], max_new_tokens=4)


class Generation:
    """Like TRL's VLLMGeneration in colocate mode."""

    mode, max_completion_length = "colocate", 64

    def __init__(self, engine):
        self.engine = engine

    def generate(self, prompts, images, num_generations, profiler=None):
        worked_on = [
            pretended_vllm.expand(self.engine.processor, ids, row) if row else ids
            for ids, row in zip(prompts, images, strict=True)
        ]
        return worked_on, [[1]] * len(prompts), None, None


@pytest.fixture
def rows(processor, pictures):
    texts = ["<|vision_start|><|image_pad|><|vision_end|>" * n + "Describe." for n in (1, 2, 0)]
    images = [pictures[:1], pictures, None]
    ids = [list(processor(text=[text], images=row)["input_ids"][0]) for text, row in zip(texts, images, strict=True)]
    return ids, images


def test_rollouts_start_from_the_prompts_of_the_processor(engine, rows):
    ids, images = rows
    checked = CheckedGeneration(Generation(engine), engine.processor.image_token_id, VllmRollouts())
    assert checked.mode == "colocate"
    prompts, completions, *_ = checked.generate(prompts=ids, images=images, num_generations=1)
    assert prompts == ids
    assert len(completions) == 3


def test_without_it_they_would_be_expanded_twice(engine, rows):
    ids, images = rows
    worked_on, *_ = Generation(engine).generate(ids, images, 1)
    token = engine.processor.image_token_id
    assert worked_on[0].count(token) == 2 * ids[0].count(token) - 1
    with pytest.raises(ViperError, match="the engine corrupts prompts: prompt 0"):
        engines.check_prompts(ids, worked_on, token)


def test_rollouts_of_an_engine_that_sees_other_sizes_are_refused(engine, rows, folder):
    ids, images = rows
    engine.processor = AutoProcessor.from_pretrained(folder, max_pixels=28 * 28 * 64)
    checked = CheckedGeneration(Generation(engine), engine.processor.image_token_id, VllmRollouts())
    with pytest.raises(ViperError, match="the engine corrupts prompts"):
        checked.generate(prompts=ids, images=images, num_generations=1)


def test_a_response_for_which_there_is_no_room_stops_the_run_before_it_is_sampled(engine, rows):
    ids, images = rows
    room = max(map(len, ids)) + 64
    for length in (room, room - 1):
        settings = VllmRollouts(max_length=length)
        checked = CheckedGeneration(Generation(engine), engine.processor.image_token_id, settings)
        if length == room:
            checked.generate(prompts=ids, images=images, num_generations=1)
            continue
        with pytest.raises(ViperError, match=rf"training\.phases\.\*\.vllm\.max_length {length}.*raise it to {room}"):
            checked.generate(prompts=ids, images=images, num_generations=1)


def test_the_engine_is_started_with_the_sizes_of_the_processor(folder, processor, pictures, tmp_path):
    model = AutoModelForImageTextToText.from_pretrained(folder)
    stage_for_engine(model, processor, folder, tmp_path / "engine")
    assert model.name_or_path == str(tmp_path / "engine")
    staged = AutoProcessor.from_pretrained(model.name_or_path)
    grids = [each.image_processor(pictures)["image_grid_thw"] for each in (staged, processor)]
    assert torch.equal(*grids)
    original = AutoProcessor.from_pretrained(folder).image_processor(pictures)["image_grid_thw"]
    assert not torch.equal(original, grids[0]), "else nothing was tested"
    again = AutoModelForImageTextToText.from_pretrained(model.name_or_path)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), model.parameters(), strict=True))


def test_transformers_answers_where_vllm_is_not(folder, monkeypatch):
    monkeypatch.setattr(engines, "_installed_vllm", lambda: None)
    section = VlmSection(path=str(folder), device="cpu", engine="auto", processor=SIZES)
    assert type(load_vlm(folder, section)) is type(load_transformers(folder, section))
    with pytest.raises(ViperError, match="vLLM is not installed"):
        load_vlm(folder, section.model_copy(update={"engine": "vllm"}))


def test_the_trainer_is_told_to_use_it_and_never_to_sample_a_picture(tmp_path):
    phase = {**method("training.phases.csr"), "steps": 1, "learning_rate": 1e-6, "prompts_per_step": 4,
             "responses_per_pass": 4, "max_completion_length": 8, "engine": "vllm",
             "vllm": {"max_length": 700, "gpu_share": 0.4, "sleep": True,
                      "correction": {"mode": "token_mask", "cap": 2.5, "floor": 0.5}}}  # fmt: skip
    options = TrainOptions(phase=phase, machine={"precision": "float32"}, records={})
    config = grpo.build_config(options, suppress_tokens=[7, 8], seed=0, work=tmp_path)
    assert config.use_vllm
    assert config.vllm_mode == "colocate"
    assert config.generation_kwargs == {"logit_bias": {7: -100.0, 8: -100.0}}
    assert (config.vllm_max_model_length, config.vllm_gpu_memory_utilization) == (700, 0.4)
    assert config.vllm_enable_sleep_mode
    assert config.vllm_importance_sampling_correction
    assert config.vllm_importance_sampling_mode == "token_mask"
    assert (config.vllm_importance_sampling_clip_max, config.vllm_importance_sampling_clip_min) == (2.5, 0.5)
    options = options.model_copy(update={"phase": options.phase.model_copy(update={"vllm": VllmRollouts()})})
    config = grpo.build_config(options, suppress_tokens=[], seed=0, work=tmp_path)
    assert not config.vllm_importance_sampling_correction, "the paper's objective as it stands, unless it is asked for"
