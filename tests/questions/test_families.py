"""Another family is built, trained and judged like the scale's own; the difference of gains is what it says."""

from functools import lru_cache

import numpy as np
import pytest
import torch

from microworld import draw
from microworld.base_models import internvl, language, pretrain, tasks, vision, vlm
from microworld.scene import sample_scene
from viper.analysis.bootstrap import Estimate, accuracy, resample
from viper.analysis.figures import style
from viper.analysis.verdicts import SUPPORTED
from viper.config import load
from viper.config.hub import fill_variant
from viper.config.models import Lens, VlmSection
from viper.config.pretraining import VlmFit
from viper.errors import ViperError
from viper.models.base import Chat
from viper.models.pretrained import load_processor
from viper.models.transformers_vlm import load_transformers
from viper.questions import judging
from viper.questions.families import figure, table
from viper.training.common import freeze_vision_tower

SEEDS = (0, 1, 2)
WORDS = ("A", "red", "circle", ".", "What", "is", "there", "?", "user", "assistant")
STAGE = {"steps": 2, "batch_size": 4, "learning_rate": 1e-3, "seed": 0, "easy_steps": 1, "micro_batches": 1}


@lru_cache
def scale():
    return load("micro")


def families():
    return scale().open_questions.families.families


def pictures(count):
    rng = np.random.default_rng(0)
    return [draw.render(sample_scene(rng)) for _ in range(count)]


def built(family, words=WORDS):
    processor = family.build_processor(words)
    return processor, family.build_vlm(processor, hidden_size=64, layers=2, vision_layers=1, intermediate_size=64)


# --- the models


@pytest.mark.parametrize("family", pretrain.FAMILIES.values(), ids=pretrain.FAMILIES)
def test_a_picture_is_nine_tokens_one_a_cell_in_every_family(family):
    processor, model = built(family)
    seen = vision.see(model, vision.pixels(processor, pictures(3)))
    assert seen.shape == (3, 9, 64)
    chat = [{"role": "user", "content": [{"type": "image"}, {"type": "image"}, {"type": "text", "text": "What"}]}]
    text = processor.apply_chat_template(chat, add_generation_prompt=True)
    ids = processor(text=[text], images=[pictures(2)], return_tensors="pt")["input_ids"]
    assert (ids == model.config.image_token_id).sum() == 18


def test_a_token_of_the_other_family_shows_its_own_cell_in_order():
    processor, model = built(internvl)
    model.model.vision_tower.encoder.layer = torch.nn.ModuleList()  # no attention: each patch is seen by itself
    picture = np.zeros((96, 96, 3), np.uint8)
    plain = vision.see(model, vision.pixels(processor, [picture]))[0]
    for cell in range(9):
        changed = picture.copy()
        changed[cell // 3 * 32 : cell // 3 * 32 + 32, cell % 3 * 32 : cell % 3 * 32 + 32] = 255
        seen = vision.see(model, vision.pixels(processor, [changed]))[0]
        assert ((seen - plain).abs().amax(1) > 1e-6).nonzero()[:, 0].tolist() == [cell]


def test_nothing_of_the_other_family_is_of_qwen():
    modules = [{type(part).__module__ for part in built(family)[1].modules()} for family in (vlm, internvl)]
    assert [any("qwen" in name for name in named) for named in modules] == [True, False]


@pytest.mark.parametrize("family", pretrain.FAMILIES.values(), ids=pretrain.FAMILIES)
def test_all_that_sees_is_frozen_and_nothing_else(family):
    _, model = built(family)
    freeze_vision_tower(model)
    frozen = {id(weight) for weight in model.parameters() if not weight.requires_grad}
    assert frozen == {id(weight) for part in vision.eyes(model) for weight in part.parameters()}
    assert frozen
    assert any(weight.requires_grad for weight in model.parameters())


def test_language_training_leaves_the_other_familys_eyes_alone():
    processor, model = built(internvl, tasks.vocabulary(300))
    before = [{name: value.clone() for name, value in part.state_dict().items()} for part in vision.eyes(model)]
    language.pretrain_language(model, processor, **STAGE, tasks={"caption": 1.0})
    for part, weights in zip(vision.eyes(model), before, strict=True):
        assert all(torch.equal(value, weights[name]) for name, value in part.state_dict().items())


def test_the_other_family_answers_as_generate_does(tmp_path):
    processor, model = built(internvl)
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    loaded = load_transformers(tmp_path, VlmSection(path=str(tmp_path), device="cpu", batch_size=4))
    chats = [Chat(text="What is there ?", images=tuple(pictures(count))) for count in (1, 2, 1)]
    for chat, ours in zip(chats, loaded.answer(chats, max_new_tokens=12), strict=True):
        inputs = loaded.prepare([chat])
        ids = [model.config.image_token_id]
        theirs = model.eval().generate(**inputs, max_new_tokens=12, do_sample=False, suppress_tokens=ids)
        text = processor.batch_decode(theirs[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)[0]
        assert ours == text.strip()


def test_the_other_family_sees_through_the_lens(tmp_path):
    processor, model = built(internvl)
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    seen = [
        vision.pixels(load_processor(tmp_path, lens), pictures(1))["pixel_values"]
        for lens in (None, Lens(contrast=0.5), Lens(contrast=0.1))
    ]
    assert seen[2].std((2, 3)).max() < seen[1].std((2, 3)).max() < seen[0].std((2, 3)).max()


def test_the_recipe_is_that_of_the_first_family():
    recipes = scale().pretraining
    assert recipes.families["internvl"] == recipes.vlm.model_copy(update={"family": "internvl"})


def test_a_pretrained_model_of_the_other_family_loads_as_one(tmp_path):
    fit = {"steps": 1, "batch_size": 2, "learning_rate": 1e-3, "seed": 0}
    stage = STAGE | {"tasks": {"caption": 1.0}}
    pretrain.train_vlm(VlmFit(family="internvl", vision=fit, language=[stage]), tmp_path / "vlm", tmp_path / "work")
    loaded = load_transformers(tmp_path / "vlm", VlmSection(path=str(tmp_path / "vlm"), device="cpu"))
    assert loaded.model.config.model_type == "internvl"


# --- the difference of gains


def simulate(rng, own, other, *, spread=1.0, items=240):
    """Scores of both families, whose stages gain so many points over their bases."""
    hits = np.zeros((6, len(SEEDS), items))
    for place, gained in enumerate([0.0, *own, 0.0, *other]):
        runs = [gained + spread * rng.normal() * (gained != 0) for _ in SEEDS] if place % 3 else [0.0] * len(SEEDS)
        drawn = [rng.random(items) < 0.5 + run / 100 for run in runs]
        hits[place] = drawn if place % 3 else [drawn[0]] * len(SEEDS)
    lineages = scale().open_questions.families.lineages
    return resample([accuracy("MMStar", hits)], lineages, resamples=200, confidence=0.95, seed=0)


def claims_of(scores):
    return table.claims(scores, families(), scale().analysis).set_index("claim")


def test_a_family_that_does_not_gain_is_seldom_said_to():
    rng, trials = np.random.default_rng(0), 80
    found = [claims_of(simulate(rng, (5, 10), (0, 0))).loc["other_gains", "verdict"] for _ in range(trials)]
    assert found.count(SUPPORTED) <= 0.025 * trials + 3 * np.sqrt(0.025 * trials)


def test_a_clear_gain_of_both_is_found_with_its_difference():
    claims = claims_of(simulate(np.random.default_rng(0), (10, 15), (20, 40)))
    assert set(claims["verdict"]) == {SUPPORTED}
    assert claims.loc["difference_of_gains", "measured"] == pytest.approx(25, abs=8)
    assert "{" not in "".join(claims["sentence"])


@pytest.mark.parametrize(
    ("value", "told"), [(-0.0485, "-0.05"), (0.003, "+0.003"), (-0.0, "+0.0"), (-1e-9, "+0.0"), (6.5953, "+6.6")]
)
def test_an_end_of_an_interval_is_told_on_its_side_of_zero(value, told):
    """What decides a verdict is no -0.0, as the first recording had it."""
    assert judging.shown(Estimate(6.5953, value, 13.239)) == f"+6.6 points [{told}, +13.2]"


def test_the_difference_is_that_of_the_gains_in_the_table():
    scores = simulate(np.random.default_rng(2), (3, 9), (4, 6))
    rows = table.summary(scores, families(), len(SEEDS))
    overall = rows[rows["column"] == "overall"].set_index(["family", "stage"])
    own, other = (family.name for family in families())
    for stage in (1, 2):
        apart = overall.loc[(other, stage), "gain"] - overall.loc[(own, stage), "gain"]
        assert overall.loc[(other, stage), "difference"] == pytest.approx(apart)
    assert claims_of(scores).loc["difference_of_gains", "measured"] == pytest.approx(apart)


def test_the_figure_shows_both_families_on_every_benchmark():
    rows = table.summary(simulate(np.random.default_rng(2), (3, 9), (4, 6)), families(), len(SEEDS))
    style.use_style()
    left, right = figure.draw(rows).axes
    assert [label.get_text() for label in left.get_xticklabels()] == ["base", "after CSR", "after VOP"]
    assert [label.get_text() for label in right.get_yticklabels()] == ["MMStar", "overall"]
    assert "InternVL" in figure.caption(rows, 0.95)


# --- parameters


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lineages": ["base"]}, "are not those of the families' stages"),
        ({"families.0.stages": ["base", "base~internvl"]}, "base first"),
        ({"families.0.name": "InternVL (Llama)"}, "both are called"),
    ],
)
def test_families_that_cannot_be_compared_are_refused(changes, message):
    asked = scale().open_questions.families.model_dump()
    for key, value in changes.items():
        *place, last = key.split(".")
        section = asked
        for part in place:
            section = section[int(part) if part.isdigit() else part]
        section[last] = value
    with pytest.raises(ViperError, match=message):
        load("micro", overrides={"open_questions.families": asked})


def test_a_variant_takes_its_model_from_where_the_cache_keeps_it():
    paper = load("3b")
    changed = paper.under("internvl").models
    assert changed.vlm.path == f"cache/models/{changed.hub['vlm'].replace('@', '/')}"
    assert changed.painter.path == paper.models.painter.path
    assert paper._has_own_base("internvl")
    with pytest.raises(ValueError, match="names this model too"):
        fill_variant({"models": {"hub": changed.hub, "vlm": {"path": "elsewhere"}}}, "cache")
