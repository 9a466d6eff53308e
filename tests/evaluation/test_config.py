"""The section `evaluation` of params.yaml."""

import pytest
from pydantic import ValidationError

from viper.config import load
from viper.config.evaluation import Evaluation, asking_of, goes_on_from_own, vllm_place, vlm_section
from viper.config.options import read_options, to_json
from viper.config.values import with_value

WORLD = {
    "source": "world",
    "benchmarks": {"MMStar": "MicroStar"},
    "splits": {"dev": {"seed": 1, "size": 8, "pictures": "dev"}, "mine": {"seed": 99, "size": 40}},
    "asking": {"max_new_tokens": 8},
}
OFFICIAL = {
    **WORLD, "source": "official", "folder": "LMUData", "benchmarks": {"BLINK": "BLINK"}, "splits": {"test": {}}
}  # fmt: skip


def test_a_benchmark_and_its_answers_depend_on_their_own_split_and_control():
    section = Evaluation(**{**WORLD, "controls": {"look": "<think> Look"}})
    asked = ["evaluation.source", "evaluation.folder", "evaluation.asking"]
    assert section.sections_of_benchmark("mine") == [*asked[:2], "evaluation.kinds", "evaluation.splits.mine"]
    assert section.sections_of_answers("mine", "base.csr") == asked, "drawn benchmarks have their size"
    assert section.sections_of_answers("mine", "base+look") == [*asked, "evaluation.controls.look"]
    official = [*asked, "evaluation.splits.test.size", "evaluation.processor", "evaluation.vllm"]
    assert Evaluation(**OFFICIAL).sections_of_answers("test", "base") == official


def test_a_control_is_its_lineage_asked_otherwise():
    section = Evaluation(**{**WORLD, "controls": {"look": "<think> Look"}})
    assert [asking_of(section, name).begin for name in ("base", "base+look")] == ["", "<think> Look"]


CONTROLS = {"look": "<think> Look", "plain": {"instruction": ""}, "both": {"begin": "<think>", "instruction": "Think."}}


@pytest.mark.parametrize(
    ("lineage", "asked", "goes_on"),
    [
        ("base", ("", "Reason."), False),
        ("base.csr+look", ("<think> Look", "Reason."), True),
        ("base+plain", ("", ""), False),
        ("base+both", ("<think>", "Think."), False),
    ],
)
def test_a_control_may_ask_by_another_prompt(lineage, asked, goes_on):
    section = Evaluation(
        **{**OFFICIAL, "asking": {"max_new_tokens": 8, "instruction": "Reason."}, "controls": CONTROLS}
    )
    found = asking_of(section, lineage)
    assert (found.begin, found.instruction) == asked
    assert goes_on_from_own(section, lineage) == goes_on, "of its own answers, only those to the same prompt may serve"


def test_a_control_reaches_its_command_in_either_form():
    scale = load("3b")
    for lineage, begin, instruction in (("base+plain", "", ""), ("base+look", "<think> Let", None)):
        options = read_options(to_json(scale, scale.evaluation.sections_of_answers("test", lineage)))
        found = asking_of(options.evaluation, lineage)
        assert found.begin[:11] == begin
        assert found.instruction == (scale.evaluation.asking.instruction if instruction is None else instruction)


@pytest.mark.parametrize("scale", ["smoke", "micro", "3b", "7b"])
@pytest.mark.parametrize("lineage", ["base", "base+look"])
def test_an_evaluation_has_what_it_asks_for_in_the_sections_that_are_named_to_it(scale, lineage):
    """What a command was not named cannot be read: a drawn benchmark's is not named what is official data's own."""
    found = load(scale)
    options = read_options(to_json(found, ["models.vlm", *found.evaluation.sections_of_answers("test", lineage)]))
    seen, whole = (vlm_section(each.evaluation, each.models.vlm) for each in (options, found))
    assert seen.model_dump(exclude={"job"}) == whole.model_dump(exclude={"job"}), (
        "no result depends on what is scheduled"
    )
    assert vllm_place(options.evaluation) == vllm_place(found.evaluation)
    assert asking_of(options.evaluation, lineage) == asking_of(found.evaluation, lineage)


def test_benchmarks_are_seen_with_vlmevalkits_image_sizes_and_nothing_else_is():
    """28 × 28 pixels are a token of Qwen2.5-VL; VLMEvalKit's own numbers stand in its table of models."""
    import ast
    import importlib.util
    from pathlib import Path

    source = Path(importlib.util.find_spec("vlmeval").submodule_search_locations[0], "config.py").read_text()
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    for scale, name in (("3b", "Qwen/Qwen2.5-VL-3B-Instruct"), ("7b", "Qwen/Qwen2.5-VL-7B-Instruct")):
        found = load(scale)
        given = [
            {word.arg: word.value for word in call.keywords}
            for call in calls
            if any(word.arg == "model_path" and getattr(word.value, "value", "") == name for word in call.keywords)
        ]
        least, most = (eval(ast.unparse(given[0][f"{end}_pixels"])) for end in ("min", "max"))
        section = vlm_section(found.evaluation, found.models.vlm)
        assert section.processor == {"min_pixels": least, "max_pixels": most}
        assert (least, most) == (1280 * 28 * 28, 16384 * 28 * 28)
        assert found.models.vlm.processor == {"min_pixels": 256 * 28 * 28, "max_pixels": 1280 * 28 * 28}
        assert section.vllm.max_length > found.models.vlm.vllm.max_length
    micro = load("smoke")
    assert vlm_section(micro.evaluation, micro.models.vlm) is micro.models.vlm


def test_what_vllm_is_started_with_for_benchmarks_leaves_the_synthesis_as_it_is():
    """A job's parameters are the sections that are named to it, so nothing but answers is made anew."""
    scale = load("7b")
    longer = with_value(scale, "evaluation.vllm.max_length", 100_000)
    assert vlm_section(longer.evaluation, longer.models.vlm).vllm.max_length == 100_000
    assert longer.models == scale.models
    sections = scale.evaluation.sections_of_answers("test", "base")
    assert to_json(longer, sections) != to_json(scale, sections)
    assert (vllm_place(scale.evaluation), vllm_place(load("smoke").evaluation)) == (
        "evaluation.vllm",
        "models.vlm.vllm",
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({**WORLD, "vllm": {"max_length": 4096}}, "by models.vlm.vllm; set it to null"),
        ({**WORLD, "benchmarks": {"MMStar": "MMStar"}}, "not among those of source 'world'"),
        ({**OFFICIAL, "benchmarks": {"BLINK": "MicroBlink"}}, "not among those of source 'official'"),
        ({**WORLD, "folder": "LMUData"}, "does not go with source 'world'"),
        ({**OFFICIAL, "folder": None}, "does not go with source 'official'"),
        ({**WORLD, "splits": {"test": {"seed": 1}}}, "splits.test.size is missing"),
        ({**WORLD, "benchmarks": {"MMVP": "MicroStar"}}, "MMVP"),
        ({**WORLD, "processor": {"min_pixels": 784}}, "drawn benchmarks are seen as in training"),
        ({**OFFICIAL, "processor": {"min_pixel": 784}}, "min_pixel.*did you mean 'min_pixels'"),
        ({**OFFICIAL, "processor": {"min_pixels": 785, "max_pixels": 784}}, "min_pixels 785 exceeds max_pixels 784"),
        ({**OFFICIAL, "controls": {"plain": {"instructions": ""}}}, "instructions"),
        (
            {**WORLD, "admission": {"seed": 0, "items": 50, "least_clear": 85.0, "shifted": [80.0, 40.0]}},
            "put the lower one first",
        ),
    ],
)
def test_impossible_combinations_are_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        Evaluation(**values)
