"""Parameters stand in several files: each in one of them, with no default elsewhere, and DVC may rewrite them."""

import shutil
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from pydantic import ValidationError

from viper.config.inheritance import _Tree
from viper.config.loading import load, read, read_run, validate
from viper.config.places import in_file, read_tree
from viper.config.schema import Scale
from viper.config.training import one_run
from viper.errors import ViperError

ROOT = Path(__file__).parents[2]
PARAMS = ROOT / "params.yaml"
FILES = ["params.yaml", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "scales").iterdir())]


@pytest.fixture
def parameters(tmp_path):
    """A copy of all files of parameters."""
    shutil.copy(PARAMS, tmp_path)
    shutil.copytree(ROOT / "scales", tmp_path / "scales")
    return tmp_path


def leaves(value, place=()):
    """The place of every single value and list."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*place, key))
    else:
        yield place


def without(tree, place):
    """The tree without what stands at a place."""
    if len(place) == 1:
        return {key: inner for key, inner in tree.items() if key != place[0]}
    return {**tree, place[0]: without(tree[place[0]], place[1:])}


def changes_something(tree, place, meaning):
    """Whether taking out what stands at a place is refused, or changes what a scale means; its own is asked first."""
    tree, own = without(tree, place), place[1] if len(place) > 1 else None
    try:
        return "scale" not in tree or any(
            Scale.model_validate(_Tree(tree).value(("scales", scale))) != meaning[scale]
            for scale in sorted(meaning, key=lambda name: name != own)
        )
    except (ViperError, ValidationError, IndexError):  # nothing is left of a scale
        return True


def test_no_value_stands_anywhere_that_would_be_the_same_without():
    """So a default is written down once: in one file, or in the schema."""
    tree = read(PARAMS)
    meaning = validate(tree).scales
    assert [place for place in leaves(tree) if not changes_something(tree, place, meaning)] == []


@pytest.mark.parametrize("file", FILES)
def test_an_edit_by_dvc_changes_one_line(parameters, file):
    """The first and the last one of a file, that are no list."""
    singles = [in_file(place)[1] for place in leaves(read(PARAMS)) if in_file(place)[0] == file and is_single(place)]
    before = (parameters / file).read_text().splitlines()
    for keys in (singles[0], singles[-1]):
        shutil.copy(ROOT / file, parameters / file)
        apply_overrides(parameters / file, [f"{'.'.join(keys)}=97"])
        after = (parameters / file).read_text().splitlines()
        ((old, new),) = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
        assert "97" in new
        assert keys[-1] in old


def is_single(place):
    value = read(PARAMS)
    for key in place:
        value = value[key]
    return not isinstance(value, list)


def test_an_edit_by_dvc_reaches_what_extends_it(parameters):
    apply_overrides(parameters / "scales/micro.yaml", ["training.phases.csr.steps=9"])
    phases = load("micro", parameters / "params.yaml").training.phases
    assert (phases["csr"].steps, phases["vop"].steps) == (9, 9)
    assert one_run(load("micro", parameters / "params.yaml").training, "mix").phase.steps == 18
    for scale in ("smoke", "3b", "7b"):
        assert load(scale, parameters / "params.yaml") == load(scale, PARAMS)
    apply_overrides(parameters / "params.yaml", ["analysis.margin=2.5"])
    assert {load(scale, parameters / "params.yaml").analysis.margin for scale in ("smoke", "micro", "3b", "7b")} == {
        2.5
    }


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("scales/7b.yaml", "extends: 4b\n", r"7b\.yaml: extends = '4b': there is no \S*scales/4b\.yaml; beside it are"),
        (
            "scales/7b.yaml",
            "extends: 3b\nextends: 3b\n",
            r"scales/7b\.yaml, line 2: the key 'extends' stands in line 1",
        ),
        ("scales/7b.yaml", "- extends\n", r"scales/7b\.yaml: must hold keys with values, found a list"),
        (
            "scales/7b.yaml",
            "extends: 3b\nimages: {number: x}\n",
            r"scales/7b\.yaml: images\.number = 'x': Input should be",
        ),
        ("scales/Big.yaml", "extends: 3b\n", r"scales/Big\.yaml: is no scale's: call it NAME\.yaml"),
        ("scales/big.yml", "extends: 3b\n", r"scales/big\.yml: is no scale's"),
        ("scales/params.yaml", "extends: 3b\n", r"scales/params\.yaml: is no scale's"),
        ("scales/recorded.yaml", "extends: 3b\n", r"scales/recorded\.yaml: is no scale's: .*'recorded'"),
        ("scales/8b-pretraining.yaml", "{}", r"8b-pretraining\.yaml: belongs to no scale: .* add \S*scales/8b\.yaml"),
        (
            "scales/7b.yaml",
            "extends: 3b\npretraining: {}\n",
            r"pretraining: fills a file: move it to .*7b-pretraining\.yaml",
        ),
        ("scales/smoke-pretraining.yaml", "vlm: {nosuch: 1}", r"smoke-pretraining\.yaml: vlm\.nosuch = 1: unknown key"),
        ("params.yaml", "scale: micro\nextends: micro\n", r"params\.yaml: extends = 'micro': .*remove it"),
        ("params.yaml", "scale: micro\nscales: {}\n", r"params\.yaml: scales: each scale stands in a file: move"),
        ("params.yaml", "scale: micro\n", r"scales/3b\.yaml: synthesis\.labels: is missing"),
    ],
)
def test_a_mistake_is_told_with_its_file(parameters, file, content, message):
    (parameters / file).write_text(content)
    with pytest.raises(ViperError, match=message):
        load(path=parameters / "params.yaml")


def test_a_scale_is_a_file(parameters):
    (parameters / "scales/mine.yaml").write_text("extends: smoke\nseeds: [7]\n")
    assert load("mine", parameters / "params.yaml").seeds == [7]
    scales = {"params", "3b", "7b", "confirmation", "micro", "mine", "smoke"}
    assert set(read_tree(parameters / "params.yaml")["scales"]) == scales


def test_a_run_may_set_what_scales_share_and_a_scale_of_its_own():
    params = read_run(["scale=mine", "scales={mine: {extends: smoke, seeds: [7]}}", "analysis={margin: 3.5}"])
    assert (params.scales["mine"].seeds, params.scales["mine"].analysis.margin) == ([7], 3.5)
    assert params.scales["3b"].analysis.margin == 3.5


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("analysis={margin: a}", "--config: analysis.margin = 'a': Input"),
        ("sclae=smoke", "--config: sclae = 'smoke': unknown key; did you mean 'scale'"),
        ("scales={params: {}}", "--config: scales.params: is no scale"),
        ("scales={3b: {images: {more: {x: {}}}}}", "--config: scales.3b.images.more.x.paths: is missing: add it"),
        ("scales={smoke: {seeds: [true]}}", "--config: scales.smoke.seeds.0 = True: Input"),
        (
            "scales={smoke: {synthesis: {edit: {min_change: 1.0, max_change: 0.5}}}}",
            "--config, scales/smoke.yaml, scales/micro.yaml, params.yaml: scales.smoke.synthesis.edit: min_change 1.0",
        ),
    ],
)
def test_a_mistake_of_a_run_is_told_as_its_own(assignment, message):
    with pytest.raises(ViperError) as caught:
        read_run([assignment])
    assert str(caught.value).startswith(message)
