"""The `training` section: what it resolves to, and which impossible combinations it refuses."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from method import method
from viper.config.loading import load
from viper.config.training import Grpo, Training, TrainOptions, one_run
from viper.errors import ViperError

GRPO = method("training.phases.csr") | {
    "steps": 60,
    "learning_rate": 1e-4,
    "prompts_per_step": 16,
    "responses_per_pass": 80,
    "max_completion_length": 48,
}
SECTION = {
    "machine": {"precision": "float32"},
    "records": {},
    "cold_start": {"source": "truth"},
    "phases": {
        "csr": GRPO,
        "vop": GRPO | {"data": ["vop"], "steps": 40},
        "mix": GRPO | {"data": ["csr", "vop"], "steps": ["csr", "vop"]},
        "cold": {
            "method": "sft",
            "data": ["cold"],
            "steps": 3,
            "learning_rate": 1e-4,
            "prompts_per_step": 16,
            "responses_per_pass": 16,
        },
    },
}


def changed(path, value):
    section = copy.deepcopy(SECTION)
    *folders, key = path.split(".")
    place = section
    for folder in folders:
        place = place[folder]
    place[key] = value
    return section


def test_defaults_are_the_papers():
    phase = Training.model_validate(SECTION).phases["csr"]
    assert (phase.rollouts, phase.temperature, phase.beta) == (5, 1.0, 0.0)
    assert (phase.loss_type, phase.scale_rewards) == ("grpo", "group")
    assert phase.epsilon_high > phase.epsilon_low


def test_a_phase_depends_on_itself_and_on_the_steps_and_data_of_the_phases_that_it_adds_up():
    training = Training.model_validate(SECTION)
    common = ["training.machine", "training.records"]
    assert training.sections("csr") == ["training.phases.csr", *common]
    parts = [f"training.phases.{name}.{key}" for name in ("csr", "vop") for key in ("data", "steps")]
    assert training.sections("mix") == ["training.phases.mix", *parts, *common]


def test_mixed_phase_has_the_steps_of_both_stages():
    training = Training.model_validate(SECTION)
    options = one_run(training, "mix")
    assert options.phase.steps == 100
    assert [(part.data, part.steps) for part in options.parts] == [(["csr"], 60), (["vop"], 40)]
    assert TrainOptions.model_validate_json(options.model_dump_json(exclude={"machine": {"job"}})) == options
    assert training.lineage("base.mix").data_lineage == "base"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("phases.csr.rollouts", 7, r"phases\.csr.*16 × rollouts 7 = 112.*responses_per_pass 80.*one of 1, 2, 4, 7"),
        ("phases.csr.responses_per_pass", 32, r"80 responses.*responses_per_pass 32"),
        ("phases.cold.responses_per_pass", 5, r"phases\.cold.*prompts_per_step 16.*1, 2, 4, 8, 16"),
        ("phases.csr.rollouts", 1, "greater than or equal to 2"),
        ("phases.csr.epsilon_low", 0.5, r"epsilon_high 0\.28 is below epsilon_low 0\.5"),
        ("phases.csr.data", ["csr", "csr"], "twice"),
        ("phases.csr.data", ["cold"], "use method: sft"),
        ("phases.mix.steps", ["csr", "vob"], "'vob' is no phase"),
        (
            "phases.mix.steps",
            ["csr"],
            r"phases\.mix: data \['csr', 'vop'\]: the phases of steps \['csr'\] train on csr",
        ),
        ("phases.csr.learning_rat", 1, "learning_rat"),
        ("records.checkpoint_every", 5, "updates_per_rollout 2: records.checkpoint_every 5 is no multiple of it"),
        ("phases.csr.updates", "twice", "'one', 'parts' or 'again'"),
        ("phases.csr", GRPO | {"updates": "parts", "updates_per_rollout": 1}, "set updates: one"),
        (
            "phases.csr.vllm",
            {"max_length": 48},
            "48 leaves no room for a prompt beside max_completion_length 48",
        ),
        (
            "phases.csr",
            GRPO | {"engine": "auto", "updates": "parts", "updates_per_rollout": 50, "prompts_per_step": 80},
            r"4000 prompts × rollouts 5 are sampled at once, 20000 on each device, and vLLM takes 4096",
        ),
        ("phases.csr.vllm", {"gpu_share": 1.0}, "less than 1"),
        ("phases.csr.vllm", {"correction": {"mode": "token_truncate"}}, "token_truncate needs a bound"),
        ("phases.csr.vllm", {"correction": {"cap": 0.9}}, "greater than 1"),
        ("phases.csr.vllm", {"correction": {"floor": 1.1}}, "less than 1"),
        ("phases.csr.steps", "many", "steps"),
        ("machine.devices", 2, "accelerate_config"),
        ("machine.attention", "flash_attention_2", "device cuda and precision bfloat16, not for cpu and float32"),
        ("machine.attention", "flash", "'auto', 'sdpa', 'eager' or 'flash_attention_2'"),
        ("phases.csr.lora", {"rank": 0}, "greater than or equal to 1"),
        ("phases.csr", GRPO | {"shared_prefix": True, "lora": {}}, "shared_prefix does not go together with lora"),
        ("phases.csr", GRPO | {"shared_prefix": True, "engine": "auto"}, "does not go together with engine auto"),
    ],
)
def test_impossible_combinations_are_refused(path, value, message):
    with pytest.raises(ValidationError, match=f"(?s){message}"):
        Training.model_validate(changed(path, value))


def test_the_name_of_one_update_stands_against_a_number_that_was_taken_over():
    """params.yaml makes two updates of a sampling; whoever wants one says so, and no more."""
    assert GRPO["updates_per_rollout"] == 2
    phase = Training.model_validate(changed("phases.csr.updates", "one")).phases["csr"]
    assert (phase.updates_per_rollout, phase.prompts_per_rollout, phase.prompts_of(7)) == (1, 16, 7 * 16)


@given(steps=st.integers(1, 100), updates=st.integers(2, 9), prompts=st.integers(1, 40))
def test_a_step_is_of_as_many_prompts_however_they_are_sampled(steps, updates, prompts):
    of = {"steps": steps, "updates_per_rollout": updates, "prompts_per_step": prompts, "responses_per_pass": 5}
    parts, again = (Grpo.model_validate(GRPO | of | {"updates": name}) for name in ("parts", "again"))
    assert parts.responses_per_step == again.responses_per_step == 5 * prompts
    assert parts.prompts_per_rollout == updates * prompts
    assert parts.prompts_of(steps) == updates * again.prompts_of(steps)
    assert 0 <= parts.prompts_of(steps) - steps * prompts < parts.prompts_per_rollout, "the last sampling has more"


def test_the_scales_of_the_paper_clip_and_fit_what_they_sample():
    """The longest prompt: two pictures, a caption as long as it may be, and the instruction."""
    for name in ("3b", "7b"):
        scale = load(name)
        phase, processor = scale.training.phases["csr"], scale.models.vlm.processor
        assert (phase.updates, phase.updates_per_rollout, phase.prompts_per_rollout) == ("parts", 4, 512)
        assert all(scale.training.phases[each].steps % 4 == 0 for each in ("csr", "vop"))
        picture, caption = processor["max_pixels"] // (2 * 14) ** 2, scale.synthesis.caption.max_new_tokens
        longest = 2 * picture + caption + 1000 + phase.max_completion_length
        assert longest <= phase.vllm.max_length <= scale.models.vlm.vllm.max_length < scale.evaluation.vllm.max_length
        assert phase.vllm.sleep
        assert phase.vllm.gpu_share < scale.models.vlm.vllm.gpu_share


def test_what_is_off_leaves_no_trace_in_the_record():
    """A phase without vLLM, parts and several devices is recorded as it was before there were any."""
    options = TrainOptions(phase=GRPO, machine={"precision": "float32"}, records={})
    record = options.model_dump(mode="json")
    assert {"updates", "vllm"}.isdisjoint(record["phase"])
    assert "sync_each_batch" not in record["machine"]
    changed = {"phase": GRPO | {"updates": "parts", "vllm": {"sleep": True}}, "machine": {"precision": "float32"}}
    record = TrainOptions(**changed, records={}).model_dump(mode="json")
    assert record["phase"]["updates"] == "parts"
    assert record["phase"]["vllm"]["sleep"]


def test_steps_must_fill_all_devices():
    section = changed("machine.devices", 3)
    section["machine"]["accelerate_config"] = "three.yaml"
    with pytest.raises(ValidationError, match="make prompts_per_step a multiple of devices 3"):
        Training.model_validate(section)


def test_unknown_phase_names_the_known_ones():
    with pytest.raises(ViperError, match="csr, vop, mix, cold"):
        one_run(Training.model_validate(SECTION), "dpo")
