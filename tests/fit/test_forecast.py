"""Which steps are forecast, what adds up to what, and what mends a step that does not fit."""

from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from viper.config.loading import load, read_run
from viper.config.models import Vllm
from viper.config.training import one_run
from viper.config.values import has_place, value_at, with_value
from viper.fit import forecast as forecasts
from viper.fit import inference, passes, training
from viper.fit.forecast import Forecast, mend, shown, steps, table
from viper.fit.lengths import Prompt, evaluation_prompts, synthesis_prompts
from viper.fit.step import GIB, Length, Planned, Step

UPDATE = passes.Update(
    parameters=8_292_166_656, trained=8_292_166_656, block=233_057_792, ends=1_089_994_752, activations=10 * 10**9
)


@pytest.fixture(scope="module")
def paper():
    return load("7b")


@pytest.fixture
def counted(monkeypatch):
    """Passes that take what they took of 7B once, and no time."""
    monkeypatch.setattr(passes, "update", lambda *args, **kwargs: UPDATE)
    monkeypatch.setattr(passes, "reading", lambda *args, **kwargs: 10**9)
    monkeypatch.setattr(passes, "embedding", lambda *args, **kwargs: (2_271_019_008, 738_328_576))
    monkeypatch.setattr(passes, "painting", lambda *args, **kwargs: passes.Painting(57_698_920_550, 7_275_574_032))
    monkeypatch.setattr(passes, "parameters_of", lambda config: UPDATE.parameters)
    monkeypatch.setattr(passes, "most_positions", lambda config: 128_000)
    monkeypatch.setattr(passes, "vocabulary", lambda config: 152_064)
    monkeypatch.setattr(passes, "cache_bytes", lambda config: 57_344)


@pytest.fixture
def phase(paper):
    return one_run(paper.training, "csr")


def test_every_step_that_uses_a_model_is_forecast(paper, counted):
    names = [planned.build(paper).name for planned in steps(paper, "vllm")]
    assert names[:3] == ["synthesis (vllm)", "painter", "editor"]
    assert names[-1] == "evaluation (vllm)"
    trained = [name for name in names if name.startswith("train ")]
    assert sorted(trained) == [f"train {name}" for name in ("cold", "csr", "mix", "sft", "vop")]
    assert [name for name in names if name.startswith("vLLM in ")] == [
        f"vLLM in train {name}" for name in ("csr", "mix", "vop")
    ]


def test_nothing_is_forecast_of_cpus():
    assert load("micro").fit.gpu_memory is None, "no rule asks for a forecast there"


def test_vllm_does_not_start_with_room_for_the_longest_sequence_of_the_model(paper, counted):
    """7B in TRL's share, three tenths, of 80 GB: 15.4 GiB of weights, 6.8 of one sequence of 128,000 tokens."""
    config, asked = training._describe(paper), [(Prompt(1424, 1, 1_003_520), 1024)]
    needs = {}
    for length in (None, 8192):
        share = Vllm(max_length=length, gpu_share=0.3, sleep=False)
        parts, _, _ = inference.engine_parts(config, share, asked, 80, inference.Limits(4096, 80))
        needs[length] = sum(parts.values())
    assert needs[8192] < 0.3 * 80 * GIB < needs[None]
    assert needs[None] - needs[8192] == (128_000 - 8192) * 57_344


@pytest.mark.parametrize("pixels", [784, 12_544, 65_536])
def test_many_small_pictures_are_laid_out_as_fewer_with_as_many_tokens(paper, counted, monkeypatch, pixels):
    """Thousands of pictures of one token each would be gone through one by one."""
    laid = []
    monkeypatch.setattr(passes, "reading", lambda _, batch: laid.append(batch) or 10**9)
    described = training._describe(paper)
    share, limits = Vllm(max_length=8192, gpu_share=0.9, sleep=False), inference.Limits(16_384, 8)
    inference.engine_parts(described, share, [(Prompt(400, 1, pixels), 100)], 80, limits)
    (batch,) = laid
    tokens = passes.picture_tokens(described.config, pixels)
    at_once = limits.tokens // (tokens + 2)
    assert batch.pictures <= limits.tokens // 64
    assert batch.pictures * passes.picture_tokens(described.config, batch.pixels) == pytest.approx(
        at_once * tokens, rel=0.01
    )
    assert (batch.text, (batch.pictures, batch.pixels) == (at_once, pixels)) == (
        limits.tokens - at_once * (tokens + 2),
        tokens >= 64,
    )


def test_gradients_of_all_passes_but_the_last_are_kept_whole(phase):
    """accelerate's no_sync: 16.6 GB of 7B in bfloat16 on each of eight devices."""
    sharded = training.Sharding("sharded")
    phase = phase.model_copy(update={"machine": phase.machine.model_copy(update={"sync_each_batch": False})})
    assert training._gradients(phase, UPDATE, sharded) == 2 * UPDATE.trained == pytest.approx(16.58e9, rel=1e-3)
    one_pass = phase.model_copy(update={"phase": phase.phase.model_copy(update={"responses_per_pass": 80})})
    few = training._gradients(one_pass, UPDATE, sharded)
    assert few == 4 * UPDATE.trained / 8 + 2 * (3 * UPDATE.block + UPDATE.ends)
    syncing = phase.machine.model_copy(update={"sync_each_batch": True})
    assert training._gradients(phase.model_copy(update={"machine": syncing}), UPDATE, sharded) == few
    assert training._gradients(phase, UPDATE, training.Sharding("whole")) == 4 * UPDATE.trained


def test_adapters_need_no_optimizer_for_what_they_leave_alone(paper, phase):
    adapters = passes.Update(8_350_000_000, 58_000_000, UPDATE.block, UPDATE.ends, 0)
    standing = training._standing(paper, phase, adapters, training.Sharding("whole"))
    assert standing["weights"] == 4 * adapters.parameters
    assert standing["optimizer"] == 8 * adapters.trained


@pytest.mark.parametrize(("scale", "weights"), [("3b", "kept"), ("7b", "sharded")])
def test_how_weights_lie_stands_in_the_file_of_accelerate(scale, weights):
    assert training.sharding(load(scale)) == training.Sharding(weights)


def test_without_a_launcher_each_device_has_all(paper):
    alone = with_value(paper, "training.machine.accelerate_config", None)
    assert training.sharding(alone) == training.Sharding("whole")


@pytest.mark.parametrize(("engine", "asked"), [("vllm", 0), ("transformers", 320)])
def test_pictures_lie_on_the_device_once_a_prompt(paper, counted, engine, asked):
    """Four parts of 128 prompts, of which each of eight devices has 64, with 320 responses; four of them in a pass.

    A pair of pictures of 1,280 tokens takes 48 MB as float32.
    """
    paper = with_value(paper, "training.phases.vop.engine", engine)
    pair = 2 * 5120 * 1176 * 4
    stages = training.training("vop", engine).build(paper).stages
    assert stages["sampling"]["pixels"] == (64 + asked) * pair
    assert stages["scoring"]["pixels"] == stages["updating"]["pixels"] == (64 + 4) * pair


def test_a_checkpoint_gathers_weights_and_optimizer_in_one_process(paper, counted, phase):
    host = training._host(paper, phase, passes.Batch(4, 400, 1, 1_003_520, 1024), UPDATE, training.Sharding("sharded"))
    writing = host["writing a checkpoint"]
    assert writing["weights"] + writing["optimizer"] == 12 * UPDATE.parameters
    assert writing["pictures of a sampling"] > writing["rows"] > 0


def test_a_node_holds_what_its_own_devices_do(paper, counted, phase):
    """Two nodes of eight devices, and their memory is asked for each: not what all sixteen hold."""
    machine = phase.machine.model_copy(update={"devices": 16, "nodes": 2})
    several = phase.model_copy(update={"machine": machine})
    batch = passes.Batch(4, 400, 1, 1_003_520, 1024)
    offloading = training.Sharding("sharded", offloads=True)
    here = training._host(paper, several, batch, UPDATE, offloading)["writing a checkpoint"]
    alone = training._host(paper, phase, batch, UPDATE, offloading)["writing a checkpoint"]
    assert here["processes"] == alone["processes"] == 8 * 3 * GIB
    # 512 prompts of a sampling, 32 for each of sixteen devices, eight of which are here; three times, 24 MB a picture.
    assert here["pictures of a sampling"] == alone["pictures of a sampling"] / 2 == 8 * 32 * 3 * 5120 * 1176 * 4
    assert here["weights and optimizer"] == alone["weights and optimizer"] / 2 == 8 * UPDATE.parameters
    whole = training._host(paper, several, batch, UPDATE, training.Sharding("whole"))["reading weights"]
    assert whole["weights"] == 8 * 4 * UPDATE.parameters


# --- evaluation


def test_benchmarks_are_seen_as_evaluation_says_and_not_as_training(paper):
    """16,384 tokens of a picture, whatever training's and the photographs' limits; several are taken to be smaller."""
    config = training._describe(paper).config
    (one, _), (several, answer) = evaluation_prompts(paper)
    assert (one.pictures, one.pixels, one.tokens(config)) == (1, 12_845_056, 400 + 16_384 + 2)
    assert (several.pictures, several.pixels, answer) == (5, 3 * 3072 * 4096 // 5, 2048)
    assert several.tokens(config) + answer == 50_598
    as_trained = with_value(paper, "evaluation.processor", None)
    assert {prompt.pixels for prompt, _ in evaluation_prompts(as_trained)} == {1_003_520}
    alone = with_value(paper, "evaluation.benchmarks", {"MMStar": "MMStar"})
    assert [prompt.pictures for prompt, _ in evaluation_prompts(alone)] == [1]


def test_several_pictures_are_scaled_up_to_the_least_size(paper):
    """And never beyond the greatest."""
    paper = with_value(paper, "evaluation.processor", {"min_pixels": 9_000_000, "max_pixels": 12_845_056})
    assert evaluation_prompts(paper)[1][0].pixels == 9_000_000
    paper = with_value(paper, "evaluation.processor", {"max_pixels": 2_000_000})
    assert {prompt.pixels for prompt, _ in evaluation_prompts(paper)} == {2_000_000}


@pytest.mark.parametrize(
    ("engine", "kept"),
    [
        pytest.param("vllm", 256 / 2, id="vLLM: of all items asked together, in bfloat16"),
        pytest.param("transformers", 2 * 16, id="transformers: of a batch, each and all together, in float32"),
    ],
)
def test_the_machine_holds_what_the_processor_makes_of_benchmarks(paper, counted, engine, kept):
    """65,536 patches of 3 colors, 2 frames, 14 x 14 pixels: 308 MB a picture of 16,384 tokens."""
    host = inference.answering("evaluation", engine).build(paper).host
    assert host["answering"]["pixels"] == kept * 65_536 * 3 * 2 * 14 * 14 * 4
    assert host["answering"]["pictures"] == 3 * 2 * 256 * 12_845_056, "the next items are decoded meanwhile"
    assert host["reading weights"]["weights"] == 2 * UPDATE.parameters
    assert "weights" not in host["answering"]


def test_vllm_reads_pictures_of_as_many_tokens_as_it_reads_at_once(paper, counted, monkeypatch):
    """One of the largest where that has more: 16,384 tokens of words, 12 pictures of 1,280 tokens, 1 of 16,384."""
    read = []
    monkeypatch.setattr(passes, "reading", lambda description, batch: read.append(batch) or 0)
    for what in ("synthesis", "evaluation"):
        inference.answering(what, "vllm").build(paper)
    assert read == [passes.Batch(1, 16_384 - 12 * 1_282, 12, 1_003_520), passes.Batch(1, 1, 1, 12_845_056)]


def test_transformers_reads_a_batch_of_the_largest_pictures_or_one_question_of_several(paper, counted, monkeypatch):
    read = []
    monkeypatch.setattr(passes, "reading", lambda description, batch: read.append(batch) or 0)
    inference.answering("evaluation", "transformers").build(paper)
    assert read == [passes.Batch(16, 400, 1, 12_845_056), passes.Batch(1, 400, 5, 3 * 3072 * 4096 // 5)]


def test_pictures_that_the_processor_scales_up_are_counted_as_it_makes_them(paper):
    """Also where photographs are brought to less, or nothing says how large its largest is."""
    asked = with_value(paper, "models.vlm.processor", {"min_pixels": 8_000_000, "max_pixels": 12_845_056})
    assert {prompt.pixels for prompt, _ in synthesis_prompts(asked)} == {8_000_000}
    alone = with_value(paper, "models.vlm.processor", {"min_pixels": 2_000_000})
    assert {prompt.pixels for prompt, _ in synthesis_prompts(alone)} == {2_000_000}
    assert {prompt.pixels for prompt, _ in synthesis_prompts(paper)} == {1280 * 28 * 28}


def test_one_gpu_has_room_for_what_the_documentation_sets(counted, monkeypatch, tmp_path):
    """Its block is read as `--configfile` is; the adapters have 206 million parameters, as the forecast counts them."""
    monkeypatch.setattr(passes, "update", lambda *args, **kwargs: replace(UPDATE, trained=206_000_000))
    text = (Path(__file__).parents[2] / "docs/paper-scale.md").read_text(encoding="utf-8")
    block = text.partition("### One GPU")[2].partition("    scales:\n")[2].partition("\n\n")[0]
    (tmp_path / "one-gpu.yaml").write_text(dedent(f"    scales:\n{block}\n"), encoding="utf-8")
    scale = read_run(["scale=7b"], [tmp_path / "one-gpu.yaml"]).scales["7b"]
    assert scale.training.machine.devices == 1
    found = [forecasts._held(planned, scale) for planned in steps(scale, "vllm")]
    assert {"train csr", "train vop", "train sft", "vLLM in train csr"} <= {each.step.name for each in found}
    assert [each.step.name for each in found if not each.fits] == []


# --- prompts that are too long


LENGTHS = {
    "synthesis": ("models.vlm.vllm.max_length", 4_096, 5_012),
    "evaluation": ("evaluation.vllm.max_length", 32_768, 50_598),
    "csr": ("training.phases.csr.vllm.max_length", 2_048, 3_730),
    "vop": ("training.phases.vop.vllm.max_length", 3_072, 3_988),
}


@pytest.mark.parametrize("what", LENGTHS)
def test_a_prompt_that_is_too_long_with_its_answer_does_not_fit(paper, counted, what):
    """Where the job would end at every try; the parameter is named, with a value that is enough."""
    place, given, needed = LENGTHS[what]
    planned = training.rollout_engine(what) if "training" in place else inference.answering(what, "vllm")
    assert forecasts._held(planned, paper).fits
    found = forecasts._held(planned, with_value(paper, place, given))
    assert found.fits_gpu
    assert not found.fits
    assert found.step.length == Length(needed, given)
    (mended,) = found.mends
    ((named, value),) = mended.values.items()
    assert named == place
    assert mended.fits
    assert needed <= value
    assert forecasts._held(planned, with_value(paper, place, value)).fits
    said = shown([found])
    assert f"longest prompt and answer: {needed:,} of {given:,} tokens: DOES NOT FIT" in said
    assert f"set {place}: {value}: " in said
    assert "GiB more, and it fits" in said
    length = table([found]).set_index("memory").loc["length"]
    assert (length["tokens"], length["most_tokens"], bool(length["fits"])) == (needed, given, False)


def test_without_settings_of_its_own_an_evaluation_has_those_of_the_synthesis(paper, counted):
    """One length has to do for both then, and is the one that is named."""
    shared = with_value(paper, "evaluation.vllm", None)
    found = forecasts._held(inference.answering("evaluation", "vllm"), shared)
    assert found.step.length == Length(50_598, paper.models.vlm.vllm.max_length)
    (mended,) = found.mends
    assert list(mended.values) == ["models.vlm.vllm.max_length"]
    enough = with_value(shared, "models.vlm.vllm.max_length", mended.values["models.vlm.vllm.max_length"])
    for what in ("evaluation", "synthesis"):
        assert forecasts._held(inference.answering(what, "vllm"), enough).step.length.fits


def test_no_model_takes_more_than_it_has_positions_for(paper, counted, monkeypatch):
    """A longer max_length is no remedy then, smaller pictures are."""
    monkeypatch.setattr(passes, "most_positions", lambda config: 32_768)
    found = forecasts._held(inference.answering("evaluation", "vllm"), paper)
    assert found.step.length == Length(50_598, 32_768)
    assert [dict(each.values) for each in found.mends] == [{"evaluation.processor.max_pixels": 12_845_056 // 4}]


def test_room_for_a_longer_prompt_is_found_together_with_the_memory_that_it_takes(tight):
    """A gigabyte for every hundred tokens of a caption, of which 1,200 are needed."""

    def build(scale):
        length = Length(1_200, scale.synthesis.caption.max_new_tokens)
        return Step("toy", picture_step(scale).stages, place="models.painter", length=length)

    tight = with_value(tight, "fit.gpu_memory", 18.0)
    found = mend(Planned("toy", build, lambda scale: {WORDS: [1_200], PICTURES: [4, 2]}), tight)
    assert [(dict(each.values), round(each.saved / GIB), each.fits) for each in found] == [
        ({WORDS: 1_200, PICTURES: 4}, 2, True)
    ]


# --- what mends


def picture_step(scale):
    """A step that takes a gigabyte a picture, and as much for every hundred tokens of a caption."""
    pictures, words = scale.models.painter.batch_size, scale.synthesis.caption.max_new_tokens / 100
    return Step("toy", {"at work": {"pictures": pictures * GIB, "words": words * GIB}}, place="models.painter")


def toy(scale, levers):
    return Planned("toy", picture_step, lambda scale: levers)


@pytest.fixture
def tight(paper):
    """Eight pictures and ten gigabytes of words, where there is room for twelve."""
    paper = with_value(with_value(paper, "models.painter.batch_size", 8), "synthesis.caption.max_new_tokens", 1000)
    return with_value(paper, "fit.gpu_memory", 12.0)


PICTURES, WORDS = "models.painter.batch_size", "synthesis.caption.max_new_tokens"


def test_the_first_value_that_is_enough_is_named_with_what_it_saves(tight):
    (found,) = mend(toy(tight, {PICTURES: [4, 2, 1]}), tight)
    assert (dict(found.values), found.saved / GIB, found.fits) == ({PICTURES: 2}, 6, True)


def test_what_is_not_enough_alone_is_put_together(tight):
    tight = with_value(tight, "fit.gpu_memory", 7.0)
    *alone, together = mend(toy(tight, {PICTURES: [4, 2, 1], WORDS: [500, 200]}), tight)
    assert [each.fits for each in alone] == [False, False]
    assert together.fits
    assert set(together.values) == {PICTURES, WORDS}
    changed = tight
    for place, value in together.values.items():
        changed = with_value(changed, place, value)
    assert picture_step(changed).worst()[1] <= 7 * GIB, "what is named is really enough"


def test_what_saves_nothing_is_not_named(tight):
    assert mend(toy(tight, {"models.editor.batch_size": [1]}), tight) == ()


def test_each_lever_is_a_parameter_of_the_scale(paper, counted):
    for planned in [*steps(paper, "vllm"), *steps(paper, "transformers")]:
        for place, values in planned.levers(paper).items():
            assert has_place(paper, place), place
            assert values, place
            assert value_at(paper, place) not in values, place


def test_a_step_that_does_not_fit_is_said_with_what_mends_it(tight):
    planned = toy(tight, {PICTURES: [4, 2, 1]})
    found = Forecast(picture_step(tight), 12 * GIB, 100 * GIB, mend(planned, tight))
    text = shown([found])
    assert not found.fits
    assert "toy: 18.0 of 12.0 GiB of each GPU, at work: DOES NOT FIT" in text
    assert "words 10.0, pictures 8.0" in text
    assert f"set {PICTURES}: 2: 6.0 GiB less, and it fits" in text


def test_a_step_of_which_nothing_is_known_stops_nobody_and_says_so(paper, counted):
    editor = paper.models.editor.model_copy(update={"path": "OmniGen2"})
    paper = with_value(with_value(paper, "models.editor", editor), "models.hub", {})
    found = forecasts._held(inference.drawing("editor"), paper)
    assert found.fits
    assert shown([found]).startswith("editor: NOT FORECAST: OmniGen2: not fetched yet")
    assert table([found]).empty


def test_the_machine_is_held_to_what_its_job_asks_for():
    step = Step("toy", {"a": {"x": GIB}}, {"reading": {"weights": 2 * GIB}}, place="models.vlm")
    found = Forecast(step, 2 * GIB, GIB)
    assert (found.fits_gpu, found.fits_host, found.fits) == (True, False, False)
    assert "machine: 2.0 of 1.0 GiB, reading: DOES NOT FIT: ask for more in models.vlm.job.mem_mb" in shown([found])


def test_an_evaluation_can_ask_less_at_once_too(paper, counted):
    found = forecasts._held(
        inference.answering("evaluation", "vllm"), with_value(paper, "models.vlm.job.mem_mb", 32_000)
    )
    assert (found.fits_gpu, found.fits_host, found.fits) == (True, False, False)
    assert "ask for more in models.vlm.job.mem_mb, or lower evaluation.asking.batch_ahead" in shown([found])


def test_the_table_has_every_part_and_their_sum(tight):
    rows = table([Forecast(picture_step(tight), 12 * GIB, 100 * GIB)]).set_index("part")
    assert rows.loc["all", "gib"] == rows.loc[["pictures", "words"], "gib"].sum() == 18
    assert rows.loc["all", "fits"] == False  # noqa: E712  (numpy's)


def test_a_scale_with_another_value_is_the_same_otherwise(paper):
    changed = with_value(paper, "training.phases.csr.responses_per_pass", 2)
    assert changed.training.phases["csr"].responses_per_pass == 2
    assert changed.training.phases["vop"] == paper.training.phases["vop"]
    assert paper.training.phases["csr"].responses_per_pass == 4, "the first stays as it was"
    assert not has_place(paper, "training.phases.csr.nonsense")
    assert not has_place(paper, "training.phases.nonsense.steps")
    assert forecasts.value_at(paper, "models.hub.nothing") is None
