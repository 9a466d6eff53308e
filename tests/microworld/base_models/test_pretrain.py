"""The micro base models: built, trained for a step, saved, and loaded by the code that loads the paper's models."""

import json
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from microworld import benchmarks, draw, grammar, parse
from microworld.base_models import language, pretrain, stages, tasks, vae, vision, vlm
from microworld.base_models.checker import Checker
from microworld.scene import CELLS, cell_name, sample_scene
from viper.completion import answer_text
from viper.config import read_run
from viper.config.models import EditorSection, PainterSection, VlmSection
from viper.config.pretraining import DenoiserFit, Fit, LatentsFit, VlmFit
from viper.errors import ViperError
from viper.models.base import Chat
from viper.models.editor import load_editor
from viper.models.painter import load_painter
from viper.models.vlm import load_vlm

FIT = {"steps": 2, "batch_size": 4, "learning_rate": 1e-3, "seed": 0}
SHARES = {"caption": 0.2, "csr": 0.1, "critique": 0.2, "vop": 0.2, "question": 0.3}
STAGE = {**FIT, "micro_batches": 2, "tasks": SHARES}


@pytest.fixture(scope="module")
def vlm_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vlm") / "vlm"
    options = VlmFit(
        vision=Fit(**FIT), language=[{**STAGE, "easy_steps": 1}, {**STAGE, "easy_steps": 0, "blur": 0.8, "hasty": 0.5}]
    )
    pretrain.train_vlm(options, folder, folder.parent / "work")
    return folder


def test_the_vlm_has_between_one_and_three_million_parameters_and_answers(vlm_folder):
    model = load_vlm(vlm_folder, VlmSection(path=str(vlm_folder), device="cpu"))
    assert 1e6 < sum(p.numel() for p in model.model.parameters()) < 3e6
    scene = sample_scene(np.random.default_rng(0))
    answers = model.answer([Chat([draw.render(scene)], "Describe the picture.")], max_new_tokens=5)
    assert len(answers) == 1
    assert isinstance(answers[0], str)


def test_training_again_gives_the_same_bytes(vlm_folder, tmp_path):
    record = json.loads((vlm_folder / "pretraining.json").read_text())
    pretrain.train_vlm(VlmFit.model_validate(record["parameters"]), tmp_path / "again", tmp_path / "work")
    assert (tmp_path / "again/manifest.json").read_text() == (vlm_folder / "manifest.json").read_text()
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(("ended", "damaged"), [(1, False), (2, False), (2, True)])
def test_an_interrupted_training_goes_on_to_the_same_bytes(vlm_folder, tmp_path, monkeypatch, ended, damaged):
    """Whatever number of stages had ended, and also where what was kept of the last of them is no longer whole."""
    options = VlmFit.model_validate(json.loads((vlm_folder / "pretraining.json").read_text())["parameters"])
    work, trained = tmp_path / "work", []

    def counted(module, name, stops):
        real = getattr(module, name)

        def train(*arguments, **parameters):
            if stops and len(trained) == ended:
                raise KeyboardInterrupt
            trained.append(name)
            return real(*arguments, **parameters)

        monkeypatch.setattr(module, name, train)

    counted(vision, "pretrain_vision", stops=True)
    counted(language, "pretrain_language", stops=True)
    with pytest.raises(KeyboardInterrupt):
        pretrain.train_vlm(options, tmp_path / "vlm", work)
    assert not (tmp_path / "vlm").exists()
    if damaged:
        (work / f"stage-{ended}/model.safetensors").write_bytes(b"half of it")
    monkeypatch.undo()
    trained.clear()
    counted(vision, "pretrain_vision", stops=False)
    counted(language, "pretrain_language", stops=False)
    pretrain.train_vlm(options, tmp_path / "vlm", work)
    assert len(trained) == 3 - (ended - damaged)
    assert (tmp_path / "vlm/manifest.json").read_text() == (vlm_folder / "manifest.json").read_text()


def test_stages_of_another_recipe_are_run_again(tmp_path):
    def weights(value):
        return torch.nn.Linear(1, 1), [stages.Stage(lambda: value, {"value": value}), stages.Stage(lambda: 0, {})]

    assert stages.run(*weights(1), tmp_path) == [1, 0]
    assert stages.run(*weights(2), tmp_path) == [2, 0]
    assert stages.run(torch.nn.Linear(1, 1), weights(2)[1][:1], tmp_path) == [2]


def test_a_picture_is_nine_tokens_one_a_cell():
    processor = vlm.build_processor(tasks.vocabulary(50))
    inputs = vision.pixels(processor, [draw.render(sample_scene(np.random.default_rng(0)))])
    assert inputs["image_grid_thw"].tolist() == [[1, 6, 6]]


def test_the_tokenizer_knows_every_word_and_keeps_the_tags():
    tokenizer = vlm.build_processor(tasks.vocabulary()).tokenizer
    rng = np.random.default_rng(99)
    for _ in range(200):
        sample = tasks.sample_task(rng, SHARES)
        ids = tokenizer(sample.prompt + sample.completion)["input_ids"]
        assert tokenizer.unk_token_id not in ids
    text = "<think> Scan the whole picture. </think><answer> A red circle. </answer>"
    read = tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True)
    assert read.replace(" ", "") == text.replace(" ", "")
    assert "A red circle." in read  # no space before the full stop


def test_only_the_completion_is_learned():
    processor = vlm.build_processor(tasks.vocabulary(300))
    rng = np.random.default_rng(0)
    samples = [tasks.sample_task(rng, SHARES) for _ in range(6)]
    batch = language.collate(processor, samples)
    for row, sample in enumerate(samples):
        learned = batch["labels"][row][batch["labels"][row] != language.IGNORED]
        assert learned.tolist() == processor.tokenizer(sample.completion + "<|im_end|>")["input_ids"]


def test_only_the_redrawn_picture_of_a_critique_is_softened():
    rng = np.random.default_rng(0)
    for name in ("critique", "vop", "csr"):
        sample = tasks.TASKS[name](rng, 5)
        crisp, soft = sample.images(), tasks.soften(rng, sample, 0.8).images()
        same = [np.array_equal(a, b) for a, b in zip(crisp, soft, strict=True)]
        assert same == ([True, False] if name == "critique" else [True] * len(crisp))


@pytest.mark.parametrize("name", list(tasks.TASKS))
def test_a_thought_is_a_glance_or_a_closer_look(name):
    rng = np.random.default_rng(4)
    for _ in range(20):
        sample = tasks.TASKS[name](rng, 5)
        answer = sample.completion.partition("</think>")[2]
        hasty, careful = (tasks.restyle(rng, sample, share).completion for share in (1.0, 0.0))
        assert careful == f"<think> {tasks.CLOSER_LOOK} {sample.notes}".strip() + f" </think>{answer}"
        if name == "critique":  # two pictures to compare: never by a glance
            assert hasty == careful
        else:
            assert hasty.startswith(f"<think> {tasks.GLANCE} </think>")
            assert hasty.endswith(answer) or name == "caption"


def test_captions_by_a_glance_are_careless_and_by_a_closer_look_true():
    rng = np.random.default_rng(4)
    right = {0.0: 0, 1.0: 0}
    for _ in range(100):
        sample = tasks.TASKS["caption"](rng, 5)
        for hasty in right:
            said = parse.described_scene(answer_text(tasks.restyle(rng, sample, hasty).completion))
            right[hasty] += grammar.caption(said) == grammar.caption(sample.scenes[0])
    assert right[0.0] == 100
    assert 5 < right[1.0] < 50


NOTE = re.compile(r"(?P<said>.+) (?P<place>background|\w+ \w+): (?P<seen>.+) (?P<same>yes|no)")


@pytest.mark.parametrize("name", ["csr", "critique", "vop"])
def test_notes_compare_what_is_said_with_what_is_seen_in_every_place(name):
    rng = np.random.default_rng(4)
    for _ in range(50):
        sample = tasks.TASKS[name](rng, 5)
        notes = {m["place"]: m for m in map(NOTE.fullmatch, sample.notes.rstrip(".").split(". "))}
        seen = sample.scenes[-1] if name == "vop" else sample.scenes[0]
        for cell in CELLS:
            thing, note = seen.at(cell), notes.get(cell_name(cell))
            assert (note["seen"] if note else "nothing") == (grammar.object_phrase(thing) if thing else "nothing")
            if name == "vop":
                before = sample.scenes[0].at(cell)
                assert (note["said"] if note else "nothing") == (grammar.object_phrase(before) if before else "nothing")
        for note in notes.values():
            assert (note["said"] == note["seen"]) == (note["same"] == "yes")
        if name != "vop":
            assert notes["background"]["seen"] == grammar.background_phrase(seen)
            right = answer_text(sample.completion) == grammar.NOTHING_TO_REFINE
            assert right == all(note["same"] == "yes" for note in notes.values())


@pytest.mark.parametrize("benchmark", list(benchmarks.BENCHMARKS))
def test_notes_of_a_question_go_through_the_options_up_to_the_right_one_where_a_letter_is_wanted(benchmark):
    rng = np.random.default_rng(4)
    for _ in range(20):
        item = benchmarks.sample_question(rng, benchmark)
        sample = tasks.question_sample(item)
        letters = re.findall(r" ([A-E])\. .+? (yes|no)\.", sample.notes)
        if benchmarks.find(item.benchmark).wants_letter:
            tried = list(item.options)[: list(item.options).index(item.answer) + 1]
            assert letters == [(letter, "yes" if letter == item.answer else "no") for letter in tried]
        else:
            assert letters == []


def test_notes_of_is_there_a_thing_at_a_place_decide_the_answer():
    rng = np.random.default_rng(4)
    answers = set()
    for _ in range(40):
        item = benchmarks.sample_question(rng, "MicroHallusion")
        if " at the " in item.question:
            note = NOTE.fullmatch(tasks.question_sample(item).notes.rstrip("."))
            assert item.question == f"Is there a {note['said']} at the {note['place']}?"
            assert note["same"] == item.answer.lower()
            answers.add(item.answer)
    assert answers == {"Yes", "No"}


def test_a_quarter_of_what_careless_captions_get_wrong_is_a_color():
    rng, wrong, colors = np.random.default_rng(0), 0, 0
    for _ in range(500):
        scene = sample_scene(rng)
        for refinement in map(parse.parse_refinement, grammar.refinements(scene, tasks.corrupt(rng, scene))):
            if refinement.type == "wrong":
                wrong += 1
                colors += refinement.real == replace(refinement.said, color=refinement.real.color)
    assert colors / wrong > 0.25


def test_what_is_asked_seldom_is_asked_a_fifth_as_often(monkeypatch):
    asked = Counter()
    monkeypatch.setattr(tasks, "sample_question", lambda rng, name, kind, split: asked.update([f"{name}/{kind[1]}"]))
    monkeypatch.setattr(tasks, "question_sample", lambda item: item)
    rng, seldom = np.random.default_rng(0), {kind for kind in tasks.QUESTIONS if kind.startswith("MicroStar/")}
    for _ in range(4000):
        tasks.sample_task(rng, {"question": 1.0}, seldom=seldom)
    mean = {
        name: np.mean([asked[kind] for kind in kinds]) for name, kinds in (("a", seldom), ("b", set(asked) - seldom))
    }
    assert mean["a"] == pytest.approx(mean["b"] / 5, rel=0.2)


def test_what_the_recipe_asks_seldom_are_kinds_of_questions(tmp_path):
    recipe = read_run({}, []).scales["micro"].pretraining.vlm
    assert any(stage.seldom for stage in recipe.language)
    assert all(set(stage.seldom) <= tasks.QUESTIONS for stage in recipe.language)
    wrong = recipe.model_copy(
        update={"language": [recipe.language[0].model_copy(update={"seldom": ["MicroStar/taste"]})]}
    )
    with pytest.raises(ViperError, match=r"seldom names MicroStar/taste: .*MicroStar/text"):
        pretrain.train_vlm(wrong, tmp_path / "vlm", tmp_path / "work")


def test_shares_of_tasks_must_add_up():
    with pytest.raises(ValidationError, match=r"add up to 0\.5"):
        VlmFit(vision=Fit(**FIT), language=[{**STAGE, "easy_steps": 0, "tasks": {"vop": 0.5}}])


def test_language_training_leaves_the_eyes_alone():
    processor = vlm.build_processor(tasks.vocabulary(300))
    model = vlm.build_vlm(processor)
    before = {name: value.clone() for name, value in model.model.visual.state_dict().items()}
    language.pretrain_language(model, processor, **STAGE, easy_steps=0)
    assert all(torch.equal(value, before[name]) for name, value in model.model.visual.state_dict().items())


def test_painter_and_editor_are_diffusers_pipelines_that_load_by_name(tmp_path):
    latents = LatentsFit(autoencoder={"pictures": 60, "seed": 0}, text_encoder=Fit(**FIT))
    pretrain.train_latents(latents, tmp_path / "latents")
    pretrain.train_diffusion(
        DenoiserFit(**FIT, examples=6, channels=(32, 32)),
        tmp_path / "latents",
        tmp_path / "painter",
        tmp_path / "editor",
    )
    scene = sample_scene(np.random.default_rng(0))
    size = {"height": 64, "width": 64, "num_inference_steps": 2}
    painter = load_painter(PainterSection(path=str(tmp_path / "painter"), device="cpu", arguments=size))
    assert type(painter.pipeline).__name__ == "StableDiffusionPipeline"
    first, second, other = (painter.paint([grammar.caption(scene)], seeds=[seed])[0] for seed in (1, 1, 2))
    assert first.size == (64, 64)
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
    editor = load_editor(
        EditorSection(path=str(tmp_path / "editor"), device="cpu", arguments={"num_inference_steps": 2})
    )
    assert type(editor.pipeline).__name__ == "StableDiffusionInstructPix2PixPipeline"
    assert editor.edit([draw.render(scene)], ["Remove the small red circle."], seeds=[0])[0].size == (64, 64)


def test_latents_keep_small_letters():
    autoencoder, quality = vae.fit_vae(pictures=300, seed=0)
    assert quality["l1"] < 0.03
    rng = np.random.default_rng(1)
    latents = vae.encode(autoencoder, [sample_scene(rng) for _ in range(100)])
    assert latents.shape == (100, vae.LATENT_CHANNELS, 16, 16)
    assert 0.8 < latents.std() < 1.25


def test_the_checker_refuses_other_pictures_and_missing_weights(tmp_path):
    with pytest.raises(ViperError, match="64x64"):
        Checker().read([draw.render(sample_scene(np.random.default_rng(0))).resize((32, 32))])
    with pytest.raises(ViperError, match="no checker"):
        Checker.from_pretrained(tmp_path)


def test_the_checker_learns(tmp_path):
    pretrain.train_checker(Fit(steps=60, batch_size=32, learning_rate=2e-3, seed=0), tmp_path / "checker")
    figures = json.loads((tmp_path / "checker/pretraining.json").read_text())["figures"]
    assert figures["shade"] > 0.95
    assert figures["color"] > 0.6
    scene = sample_scene(np.random.default_rng(3))
    assert Checker.from_pretrained(tmp_path / "checker").read([draw.render(scene)])[0].shade == scene.shade
