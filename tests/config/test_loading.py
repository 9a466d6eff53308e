"""params.yaml and scales/ are valid, and every kind of mistake in it gets a message that says how to mend it."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from viper.config.inheritance import resolve
from viper.config.loading import changes, layout_of, load, read, read_run, validate
from viper.errors import ViperError

ROOT = Path(__file__).parents[2]
PARAMS = ROOT / "params.yaml"


@pytest.fixture
def values():
    """What the file holds, every section with what it takes over: a copy of its own."""
    return resolve(read(PARAMS))


@pytest.mark.parametrize("scale", ["micro", "smoke", "3b", "7b"])
def test_every_scale_is_valid(scale):
    checkpoints = ["base", "base.csr", "base.csr.vop"]
    asked = [lineage for checkpoint in checkpoints for lineage in (checkpoint, f"{checkpoint}+look")]
    main = load(scale, PARAMS).experiments["main"]
    assert [lineage for lineage in main if lineage != "base+plain"] == asked
    assert ("base+plain" in main) == (scale in ("3b", "7b")), "as the published scores of the base were taken"


@pytest.mark.parametrize("scale", ["3b", "7b"])
def test_the_papers_numbers_are_the_papers(scale):
    paper = load(scale, PARAMS)
    assert (paper.synthesis.csr_size, paper.synthesis.vop_size) == (7000, 3000)
    assert (paper.reward.tau, paper.reward.weight_format, paper.reward.weight_correct) == (0.85, 0.05, 0.95)
    assert (paper.reward.coverage, paper.reward.one_to_one) == ("none", False)
    for phase in ("csr", "vop"):
        grpo = paper.training.phases[phase]
        assert (grpo.prompts_per_step, grpo.rollouts, grpo.temperature, grpo.beta) == (128, 5, 1.0, 0.0)
        assert not grpo.shared_prefix, "of one process only"
    assert len(paper.evaluation.benchmarks) == 7
    assert paper.evaluation.besides == ["MMVP"]
    assert (ROOT / paper.training.machine.accelerate_config).is_file()
    assert paper.models.hub["vlm"].startswith(f"Qwen/Qwen2.5-VL-{scale.upper()}-Instruct@")


def test_the_default_scale_is_micro():
    assert load(path=PARAMS) == load("micro", PARAMS)


def test_overrides_change_one_scale_only():
    changed = load("smoke", PARAMS, {"training.phases.csr.learning_rate": 0.5, "seeds": [3]})
    assert changed.training.phases["csr"].learning_rate == 0.5
    assert changed.training.phases["vop"].learning_rate != 0.5
    assert changed.seeds == [3]
    with pytest.raises(ViperError, match=r"no section scales\.smoke\.trainin"):
        load("smoke", PARAMS, {"trainin.phases": 1})


def phases(scale):
    return scale["training"]["phases"]


MISTAKES = {
    "unknown key, with the closest known one": (
        lambda s: s["analysis"].update(resample=3),
        r"scales/smoke\.yaml: analysis\.resample = 3: unknown key; did you mean 'resamples'\?",
    ),
    "unknown section": (
        lambda s: s.update(trainning={}),
        r"scales/smoke\.yaml: trainning = \{\}: unknown key; did you mean 'training'\?",
    ),
    "unknown key inside a union": (
        lambda s: phases(s)["csr"].update(rollout=5),
        r"scales/smoke\.yaml: training\.phases\.csr\.rollout = 5: unknown key; did you mean 'rollouts'\?",
    ),
    "unknown control": (
        lambda s: s["experiments"].update(main=["base", "base+peek"]),
        r"lineage 'base\+peek' is asked with the unknown control 'peek'; known: look\.",
    ),
    "wrong type": (
        lambda s: s["images"].update(number="many"),
        r"scales/smoke\.yaml: images\.number = 'many': Input should be a valid integer",
    ),
    "missing key": (
        lambda s: s["analysis"].clear() or s.pop("images"),
        r"scales/smoke\.yaml: images: is missing: add it",
    ),
    "value out of range": (
        lambda s: s["analysis"].update(confidence=95),
        r"scales/smoke\.yaml: analysis\.confidence = 95: Input should be less than 1",
    ),
    "unknown phase in a lineage": (
        lambda s: s["experiments"].update(mine=["base.csr.vip"]),
        r"scales/smoke\.yaml: experiments\.mine: lineage 'base\.csr\.vip' has the unknown phase 'vip'; known",
    ),
    "lineage without a base": (
        lambda s: s["experiments"].update(mine=["csr.vop"]),
        r"experiments\.mine: lineage 'csr\.vop' starts with 'csr'",
    ),
    "no main experiment": (
        lambda s: s["experiments"].pop("main"),
        r"experiments lacks 'main'",
    ),
    "batch that cannot be divided": (
        lambda s: phases(s)["csr"].update(responses_per_pass=7),
        r"cannot be divided by responses_per_pass 7 .* set responses_per_pass to one of 1, 2",
    ),
    "seed given twice": (
        lambda s: s.update(seeds=[0, 1, 0]),
        r"seeds \[0, 1, 0\] names a seed twice",
    ),
    "folder of photographs without a folder": (
        lambda s: s["images"].update(source="folder"),
        r"source is 'folder' but paths is empty",
    ),
    "data set of photographs without a name": (
        lambda s: s["images"].update(source="hub"),
        r"source is 'hub', and hub is not given",
    ),
    "data set of photographs that is not asked for": (
        lambda s: s["images"].update(hub={"dataset": f"a/b@{'0' * 40}", "files": ["x.parquet"]}),
        r"source is 'world', and hub is given",
    ),
    "data set of photographs at a branch": (
        lambda s: s["images"].update(source="hub", hub={"dataset": "a/b@main", "files": ["x.parquet"]}),
        r"images.hub.dataset = 'a/b@main'",
    ),
    "drawn pictures compared with benchmarks": (
        lambda s: s["images"].update(benchmark_distance=8),
        r"benchmark_distance is for photographs",
    ),
}


@pytest.mark.parametrize(("break_it", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_with_its_remedy(values, break_it, message):
    break_it(values["scales"]["smoke"])
    with pytest.raises(ViperError, match=message):
        validate(values)


def test_all_mistakes_are_told_at_once(values):
    values["scales"]["smoke"]["analysis"]["resample"] = 1
    values["scales"]["micro"]["analysis"]["confidence"] = 2
    with pytest.raises(ViperError) as caught:
        validate(values)
    assert len(str(caught.value).splitlines()) == 2


def test_an_unknown_scale_lists_the_known_ones():
    with pytest.raises(ViperError, match="scale 'mikro' is not among the scales 3b, 7b, confirmation, micro, smoke"):
        load("mikro", PARAMS)


@pytest.mark.parametrize("name", ["mikro", "smoke"])
def test_a_scale_repeats_another_one(values, name):
    values["scales"]["smoke"]["replicates"] = name
    with pytest.raises(ViperError, match=rf"scales.smoke.replicates '{name}' is no other scale: choose among"):
        validate(values)


def test_a_missing_or_broken_file_is_one_message(tmp_path):
    with pytest.raises(ViperError, match="run from the repository's root"):
        load(path=tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("scale: [")
    with pytest.raises(ViperError, match="not valid YAML"):
        load(path=tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("scale: micro")
    with pytest.raises(ViperError, match=r"scales/NAME\.yaml: there is no scale: run from the repository's root"):
        load(path=tmp_path / "params.yaml")


def test_loading_needs_no_model_library():
    code = (
        "import sys, viper.config.loading as l; l.load()\n"
        "heavy = {'torch', 'transformers', 'pandas', 'datasets', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("experiments", {"main": ["base"], "Order": ["base"]}, "use small letters, digits and _"),
        ("experiments", {"main": ["base"], "figure_wordcloud": ["base"]}, "compares the words of two lineages"),
        ("evaluation.attention", None, "figure_attention needs evaluation.attention"),
        ("synthesis.vop_held_out", 1, "vop_held_out is 1, make it at least 2"),
    ],
)
def test_experiments_that_cannot_be_made_are_refused(key, value, message):
    with pytest.raises(ViperError, match=message):
        load("smoke", PARAMS, {key: value})


@pytest.mark.parametrize("scale", ["3b", "7b"])
def test_the_painter_reads_captions_to_their_end(scale):
    found = load(scale, PARAMS)
    reads = found.models.painter.arguments["max_sequence_length"]
    assert reads >= found.synthesis.caption.max_new_tokens
    with pytest.raises(
        ViperError, match=r"painter\.arguments\.max_sequence_length 512: captions have up to 1024 tokens"
    ):
        load(scale, PARAMS, {"models.painter.arguments.max_sequence_length": 512})
    with pytest.raises(ViperError, match=r"captions have up to 2000 tokens .*raise the first or lower the second"):
        load(scale, PARAMS, {"synthesis.caption.max_new_tokens": 2000})


@pytest.mark.parametrize(
    ("given", "key"),
    [("seeds=[0, 1]", r"seeds = \[0, 1\]"), ("analysis={resamples: 7}", "analysis.resamples = 7")],
)
def test_what_is_set_for_all_scales_and_reaches_none_is_refused(monkeypatch, given, key):
    monkeypatch.chdir(PARAMS.parent)
    with pytest.raises(ViperError, match=rf"--config: {key}: has no effect.* write it below scales: {{smoke: …}}"):
        read_run(["scale=smoke", given])
    assert read_run(["scale=smoke", "analysis={margin: 2.5}"]).scales["smoke"].analysis.margin == 2.5


@pytest.mark.parametrize(
    ("given", "folder"),
    [
        ("scales={smoke: {seeds: [0]}}", "main"),
        ("scales={smoke: {seeds: [1]}}", "main-seed1"),
        ("scales={smoke: {seeds: [1, 0]}}", "main-seeds1-0"),
        ("scales={micro: {seeds: [1]}}", "main"),  # of another scale
    ],
)
def test_tables_of_other_seeds_lie_apart(monkeypatch, given, folder):
    monkeypatch.chdir(PARAMS.parent)
    given = ["scale=smoke", given]
    assert layout_of(read_run(given), changes(given)).table("main", "main") == f"results/smoke/{folder}/main.csv"


def test_a_scale_of_one_run_has_the_seeds_of_what_it_extends(monkeypatch):
    monkeypatch.chdir(PARAMS.parent)
    for seeds, folder in (("", "main"), (", seeds: [1]", "main-seed1")):
        given = ["scale=mine", f"scales={{mine: {{extends: smoke{seeds}}}}}"]
        assert layout_of(read_run(given), changes(given)).table("main", "main") == f"results/mine/{folder}/main.csv"


def test_too_many_seeds_for_the_name_of_a_folder_are_refused(monkeypatch):
    monkeypatch.chdir(PARAMS.parent)
    given = ["scale=smoke", f"scales={{smoke: {{seeds: {list(range(100))}}}}}"]
    with pytest.raises(ViperError, match=r"100 of them.*Write them in scales/smoke\.yaml"):
        layout_of(read_run(given), changes(given))


@pytest.mark.parametrize("value", [["micro"], {"a": 1}, 3, 1.5, True, None, [], [["micro"]], "nosuch", ""])
@pytest.mark.parametrize("given", [[], ["seeds=[0]"], ["scales={smoke: {seeds: [0]}}"]])
def test_a_scale_of_any_type_is_a_name_or_refused(monkeypatch, tmp_path, value, given):
    """Both in the file and for one run, whatever else the run sets."""
    monkeypatch.chdir(PARAMS.parent)
    with pytest.raises(ViperError, match="scale"):
        read_run([f"scale={json.dumps(value)}", *given])
    shutil.copytree("scales", tmp_path / "scales")
    text = re.sub(r"^scale: \w+", f"scale: {json.dumps(value)}", PARAMS.read_text(), count=1, flags=re.MULTILINE)
    (tmp_path / "params.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ViperError, match="scale"):
        read_run(given)


@pytest.mark.parametrize(("key", "meant"), [("sclae", "scale"), ("sclaes", "scales"), ("analisys", "analysis")])
def test_a_misspelt_key_beside_the_scales_is_told_which_was_meant(monkeypatch, tmp_path, key, meant):
    shutil.copytree(PARAMS.parent / "scales", tmp_path / "scales")
    (tmp_path / "params.yaml").write_text(f"{PARAMS.read_text()}\n{key}: {{}}\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ViperError, match=rf"{key} = {{}}: unknown key; did you mean '{meant}'"):
        read_run()
