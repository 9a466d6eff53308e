"""The `training` section: what it resolves to, and which impossible combinations it refuses."""

import copy

import pytest
from pydantic import ValidationError

from method import method
from viper.config.training import Training, TrainOptions, one_run
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


def test_steps_must_fill_all_devices():
    section = changed("machine.devices", 3)
    section["machine"]["accelerate_config"] = "three.yaml"
    with pytest.raises(ValidationError, match="make prompts_per_step a multiple of devices 3"):
        Training.model_validate(section)


def test_unknown_phase_names_the_known_ones():
    with pytest.raises(ViperError, match="csr, vop, mix, cold"):
        one_run(Training.model_validate(SECTION), "dpo")
