"""Which steps are forecast, what adds up to what, and what mends a step that does not fit."""

import pytest

from viper.config.loading import load
from viper.config.models import Vllm
from viper.config.training import one_run
from viper.config.values import has_place, value_at, with_value
from viper.fit import forecast as forecasts
from viper.fit import inference, passes, training
from viper.fit.forecast import Forecast, mend, shown, steps, table
from viper.fit.step import GIB, Planned, Step

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
    config = training._describe(paper)
    prompt, pixels = inference.Prompt(1424, 1), 1_003_520
    needs = {
        length: sum(
            inference.engine_parts(
                config, Vllm(max_length=length, gpu_share=0.3, sleep=False), prompt, pixels, 1024, 80
            )[0].values()
        )
        for length in (None, 8192)
    }
    assert needs[8192] < 0.3 * 80 * GIB < needs[None]
    assert needs[None] - needs[8192] == (128_000 - 8192) * 57_344


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
