import json

import pytest

from viper.config.loading import load
from viper.config.training import one_run
from viper.config.values import has_place
from viper.cost import table
from viper.cost.rates import read_rates
from viper.cost.work import Estimate, disk_of, estimate
from viper.workflow.graph import Job


def make_job(rule, output="", needs=(), *, gpus=0, threads=1, minutes=60, **wildcards):
    return Job(
        rule, "rules/any.smk", tuple(needs), (output,), wildcards=wildcards,
        benchmark=f"benchmarks/{output or rule}.tsv", threads=threads, gpus=gpus, minutes=minutes,
    )  # fmt: skip


@pytest.fixture(scope="module")
def rates():
    return read_rates()


@pytest.fixture(scope="module")
def scale():
    return load("7b")


def hours(number):
    return Estimate(number * 3600, 0, "estimate")


@pytest.fixture
def diamond():
    """One job, two that need it, one that needs both; and a trained checkpoint's own chain."""
    return [
        make_job("images", "images"),
        make_job("caption", "a", ["images"], gpus=1, threads=8, shard="0"),
        make_job("caption", "b", ["images"], gpus=1, threads=8, shard="1"),
        make_job("train", "first", ["a", "b"], gpus=8, lineage="base.csr"),
        make_job("train", "second", ["first"], gpus=8, lineage="base.csr.vop"),
    ]


def test_hours_are_of_what_the_jobs_hold(diamond):
    rows = table.by_step(diamond, [hours(number) for number in (1, 2, 3, 4, 5)]).set_index("step")
    assert rows.loc["caption", "gpu_hours"] == 5
    assert rows.loc["caption", "cpu_hours"] == 40
    assert rows.loc["train", "gpu_hours"] == 72
    assert rows.loc["all", "gpu_hours"] == 77
    assert rows.loc["all", "jobs"] == 5


def test_the_longest_path_takes_the_slower_branch(diamond):
    rows = table.by_step(diamond, [hours(number) for number in (1, 2, 3, 4, 5)]).set_index("step")
    assert rows.loc["caption", "longest_hours"] == 3, "shards do not wait for each other"
    assert rows.loc["train", "longest_hours"] == 9, "the second training waits for the first"
    assert rows.loc["all", "longest_hours"] == 1 + 3 + 4 + 5


def test_steps_stand_in_the_order_in_which_they_end(diamond):
    late = make_job("figure", "f", ["second"])
    early = make_job("fetch", "g")
    rows = table.by_step([late, *reversed(diamond), early], [hours(1)] * 7)
    assert list(rows["step"]) == ["images", "fetch", "caption", "train", "figure", "all"]


def test_a_step_is_as_sure_as_its_least_sure_job(diamond):
    costs = [Estimate(1, 0, basis) for basis in ("measured", "measured", "estimate", "limit", "measured")]
    rows = table.by_step(diamond, costs).set_index("step")
    assert dict(rows["basis"]) == {"images": "measured", "caption": "estimate", "train": "limit", "all": "limit"}


def test_painting_takes_two_passes_a_step_where_it_is_guided(scale, rates):
    cost = estimate(make_job("reconstruct_images", lineage="base", shard="0", seed="0"), scale, rates)
    rate, images = rates.models["Qwen/Qwen-Image"], 12000 / 64
    assert cost.seconds == pytest.approx(rate.start + images * 50 * 2 * rate.denoising)
    assert cost.bytes == pytest.approx(images * rate.picture * 1e6)


def test_training_is_shared_by_its_devices(scale, rates):
    cost = estimate(make_job("train", lineage="base.csr", seed="0"), scale, rates)
    rate = rates.models["Qwen/Qwen2.5-VL-7B-Instruct"]
    phase = scale.training.phases["csr"]
    trained, sampled = (prompts * 5 / 8 for prompts in (phase.steps * 128, phase.prompts_of(phase.steps)))
    # Several updates follow a sampling: it is read once more before the second, which is a quarter of an update.
    tokens = 1024 * (sampled * rate.sampled + (trained + sampled / 4) * rate.trained)
    pictures = (3 * trained + sampled) * rate.looped + sampled / 5 * rate.shown
    assert cost.seconds == pytest.approx(rate.start + tokens + pictures)
    assert cost.bytes == rate.gigabytes * 1e9


@pytest.mark.parametrize("name", ["3b", "7b"])
def test_the_notice_of_a_jobs_end_is_time_enough_for_a_checkpoint(name, rates):
    """It waits for the next multiple of `updates_per_rollout`, and then is written: 14 bytes a parameter at 1 GB/s."""
    scale = load(name)
    rate = rates.models[scale.models.hub["vlm"].partition("@")[0]]
    for lineage in ("base.csr", "base.vop", "base.mix", "base.cold", "base.sft"):
        options = one_run(scale.training, lineage.rpartition(".")[2])
        phase = options.phase
        step = (estimate(make_job("train", lineage=lineage, seed="0"), scale, rates).seconds - rate.start) / phase.steps
        needed = step * getattr(phase, "updates_per_rollout", 1) + 7 * rate.gigabytes
        assert options.machine.job.notice >= needed, f"{lineage}: {needed:.0f} s"


def test_pairs_have_their_pictures_gone_through_twice_as_often(scale, rates):
    rate = rates.models["Qwen/Qwen2.5-VL-7B-Instruct"]
    csr, vop = (_training(scale, name, steps=100) for name in ("csr", "vop"))
    one, two = (estimate(make_job("train", lineage=f"base.{name}", seed="0"), changed, rates) for name, changed in
                (("csr", csr), ("vop", vop)))  # fmt: skip
    trained, sampled = (prompts * 5 / 8 for prompts in (100 * 128, csr.training.phases["csr"].prompts_of(100)))
    assert two.seconds - one.seconds == pytest.approx((3 * trained + sampled) * rate.looped + sampled / 5 * rate.shown)


def _training(scale, phase, **values):
    changed = {phase: scale.training.phases[phase].model_copy(update=values)}
    return scale.model_copy(
        update={"training": scale.training.model_copy(update={"phases": scale.training.phases | changed})}
    )


@pytest.mark.parametrize(
    ("engine", "updates", "beta", "readings"),
    [("transformers", 1, 0, 0), ("auto", 1, 0, 1), ("vllm", 2, 0, 1), ("transformers", 2, 0, 1), ("auto", 1, 0.1, 2)],
)
def test_what_was_sampled_is_read_again_for_ratios_corrections_and_a_reference(
    scale, rates, engine, updates, beta, readings
):
    rate = rates.models["Qwen/Qwen2.5-VL-7B-Instruct"]
    same = {"steps": 10, "updates": "again", "updates_per_rollout": updates}
    job = make_job("train", lineage="base.csr", seed="0")
    plain = estimate(job, _training(scale, "csr", **same, engine="transformers", beta=0), rates).seconds
    changed = estimate(job, _training(scale, "csr", **same, engine=engine, beta=beta), rates).seconds
    one_reading = 10 / updates * 128 * 5 / 8 * (1024 * rate.trained / 4 + rate.looped)
    assert changed - plain == pytest.approx((readings - int(updates > 1)) * one_reading)


@pytest.mark.parametrize(("steps", "updates", "samplings"), [(12, 1, 12), (12, 2, 6), (11, 2, 6), (12, 5, 3)])
def test_several_updates_on_the_same_responses_sample_once(scale, rates, steps, updates, samplings):
    values = {"steps": steps, "updates": "again", "updates_per_rollout": updates, "engine": "transformers"}
    job, scale = make_job("train", lineage="base.csr", seed="0"), _training(scale, "csr", **values)
    rate, responses = rates.models["Qwen/Qwen2.5-VL-7B-Instruct"], 128 * 5 / 8
    read_again = samplings if updates > 1 else 0
    expected = responses * 1024 * (samplings * rate.sampled + (steps + read_again / 4) * rate.trained)
    expected += responses * ((3 * steps + read_again) * rate.looped + samplings / 5 * rate.shown)
    assert estimate(job, scale, rates).seconds == pytest.approx(rate.start + expected)


def test_fine_tuning_samples_nothing(scale, rates):
    rate = rates.models["Qwen/Qwen2.5-VL-7B-Instruct"]
    cost = estimate(make_job("train", lineage="base.cold", seed="0"), scale, rates)
    options = one_run(scale.training, "cold")
    examples = options.phase.steps * options.phase.prompts_per_step / options.machine.devices
    pictures = examples * (3 * rate.looped + rate.shown)
    assert cost.seconds == pytest.approx(rate.start + examples * rate.example + pictures)


def test_drawn_benchmarks_cost_tokens_and_leave_no_pictures(rates):
    scale = load("micro")
    dev, test = (estimate(make_job("evaluate", lineage="base", split=name), scale, rates) for name in ("dev", "test"))
    start, sizes = rates.models[scale.models.vlm.path].start, [scale.evaluation.splits[n].size for n in ("dev", "test")]
    assert (test.seconds - start) / (dev.seconds - start) == pytest.approx(sizes[1] / sizes[0])
    assert dev.bytes == test.bytes == 0


def test_attention_takes_a_forward_pass_a_held_out_pair_and_samples_nothing(scale, rates):
    job = make_job("measure_attention", lineage="base", seed="0")
    rate = rates.models["Qwen/Qwen2.5-VL-7B-Instruct"]
    pairs = scale.synthesis.vop_held_out
    assert estimate(job, scale, rates).seconds == pytest.approx(rate.start + pairs * rate.example / 4)


def test_a_size_of_the_split_limits_official_benchmarks(scale, rates):
    costs = [estimate(make_job("evaluate", lineage="base", split=split), scale, rates) for split in ("dev", "test")]
    rate = rates.models["Qwen/Qwen2.5-VL-7B-Instruct"]
    read = 200 * (3830 + 2430 + 3200 + 2650 - 4 * 1280) * rate.read
    assert costs[0].seconds == pytest.approx(rate.start + 8 * 200 * 2048 * rate.token + read)
    assert costs[1].seconds > 20 * costs[0].seconds


def test_larger_pictures_of_benchmarks_are_read_as_far_as_the_processor_lets_them_be(scale, rates):
    def seconds(most):
        processor = {"min_pixels": 1003520, "max_pixels": most}
        changed = scale.model_copy(update={"evaluation": scale.evaluation.model_copy(update={"processor": processor})})
        return estimate(make_job("evaluate", lineage="base", split="test"), changed, rates).seconds

    smallest, some, most = (seconds(tokens * 28 * 28) for tokens in (1280, 3000, 16384))
    mme = rates.items["MME-RealWorld"] + rates.items["Mantis-Eval"]
    assert smallest < some < most
    rate = rates.models["Qwen/Qwen2.5-VL-7B-Instruct"].read
    assert most - some == pytest.approx((mme * 200 + rates.items["MME-RealWorld"] * 630) * rate)


def test_a_control_that_is_not_asked_to_reason_answers_in_a_word(scale, rates):
    models = {name: rate.model_copy(update={"read": 0}) for name, rate in rates.models.items()}
    rates = rates.model_copy(update={"models": models})
    start = rates.models["Qwen/Qwen2.5-VL-7B-Instruct"].start
    base, look, plain = (
        estimate(make_job("evaluate_base", lineage=f"base{control}", split="test"), scale, rates).seconds - start
        for control in ("", "+look", "+plain")
    )
    assert look == base == pytest.approx(2048 / 128 * plain)


def test_a_download_takes_as_long_as_its_gigabytes(scale, rates):
    job = make_job("fetch_model", owner="Qwen", repository="Qwen-Image", commit="0" * 40)
    assert estimate(job, scale, rates).seconds == pytest.approx(577)


def test_the_data_sets_hold_their_pictures_once_more(scale, rates):
    seed, edited = rates.photograph.megabytes, rates.models["Qwen/Qwen-Image-Edit"].picture
    assert estimate(make_job("assemble_datasets"), scale, rates).bytes == pytest.approx(
        1e6 * (7000 * seed + 3200 * (seed + edited))
    )


def test_jobs_of_a_variant_cost_what_the_variant_asks_for(scale, rates):
    scale = scale.model_copy(update={"variants": {"short": {"synthesis": {"caption": {"max_new_tokens": 256}}}}})
    start = rates.models["Qwen/Qwen2.5-VL-7B-Instruct"].start
    usual, short = (
        estimate(make_job("caption_images", lineage=lineage, shard="0", seed="0"), scale, rates).seconds - start
        for lineage in ("base", "base~short")
    )
    assert short == pytest.approx(usual / 4)


@pytest.fixture
def run_of_the_paper():
    return [
        make_job("reconstruct_images", "painted", gpus=1, lineage="base", shard="0", seed="0"),
        make_job("evaluate", "scores", ["painted"], gpus=1, lineage="base.csr", split="test", seed="0"),
        make_job("evaluate", "ablation", ["painted"], gpus=1, lineage="base.vop", split="test", seed="0"),
    ]


def test_savings_are_what_the_rates_say_with_other_values(run_of_the_paper, scale, rates):
    main = run_of_the_paper[:2]
    rows = table.savings(run_of_the_paper, main, scale, rates).set_index("saving")["gpu_hours"]
    whole = sum(estimate(job, scale, rates).seconds for job in run_of_the_paper) / 3600
    passes = 12000 / 64 * (50 * 2 - 8) * rates.models["Qwen/Qwen-Image"].denoising / 3600
    assert rows["painter and editor in 8 steps"] == pytest.approx(passes)
    evaluation = estimate(run_of_the_paper[1], scale, rates).seconds / 3600
    assert rows["the main experiment alone"] == pytest.approx(evaluation)
    assert max(rows.drop("all of these")) < rows["all of these"] < whole
    assert rows.drop("all of these").sum() > rows["all of these"], "what both save is saved once"


def test_flash_attention_saves_the_loop_over_windows_and_nothing_else(scale, rates):
    training = make_job("train", "model", gpus=8, lineage="base.csr", seed="0")
    rows = table.savings([training], [training], scale, rates).set_index("saving")["gpu_hours"]
    flat = rates.models["Qwen/Qwen2.5-VL-7B-Instruct"].model_copy(update={"looped": 0.0})
    without = rates.model_copy(update={"models": rates.models | {"Qwen/Qwen2.5-VL-7B-Instruct": flat}})
    hours = [estimate(training, scale, each).seconds * 8 / 3600 for each in (rates, without)]
    assert rows["flash attention in training"] == pytest.approx(hours[0] - hours[1])
    assert rows["flash attention in training"] > 1


def test_each_saving_is_of_values_that_the_papers_scale_has(scale, rates):
    places = [place for saving in rates.savings for place in saving.values]
    assert [place for place in places if not has_place(scale, place)] == []
    assert all(saving.source for saving in rates.savings)


def test_nothing_is_saved_where_a_scale_has_no_such_values(diamond, rates):
    assert table.savings(diamond, diamond, load("micro"), rates).empty


def test_an_unknown_step_takes_no_more_than_its_limit(scale, rates):
    assert estimate(make_job("invented", minutes=30), scale, rates) == Estimate(1800, 0, "limit")


def test_every_model_of_the_paper_has_a_rate(rates):
    for name in ("3b", "7b"):
        hub = load(name).models.hub
        assert {model.partition("@")[0] for model in hub.values()} <= set(rates.models)


@pytest.fixture
def ran(tmp_path, monkeypatch, diamond):
    """A folder in which one of the two captioning jobs has run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks/a.tsv").write_text("s\th:m:s\tmax_rss\n90.0\t0:01:30\t-\n")
    (tmp_path / "a").write_bytes(bytes(1000))
    return diamond


def test_what_was_measured_takes_the_place_of_rates_also_for_other_shards(ran, scale, rates):
    seeds, first, second, train, _ = table.plan(ran, scale, rates)
    assert (first.seconds, first.bytes, first.basis) == (90, 1000, "measured")
    assert (second.seconds, second.basis) == (90, "measured")
    assert (seeds.basis, train.basis) == ("limit", "estimate")


def test_what_was_measured_says_nothing_of_another_lineage(scale, rates, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    jobs = [make_job("train", name, lineage=name, seed="0") for name in ("base.csr", "base.vop")]
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks/base.csr.tsv").write_text("s\n90.0\n")
    assert [cost.basis for cost in table.plan(jobs, scale, rates)] == ["measured", "estimate"]


def test_planned_and_taken_stand_side_by_side(ran):
    planned = table.by_step(ran, [hours(number) for number in (1, 2, 3, 4, 5)])
    rows = table.beside(planned, table.by_step(ran, table.taken(ran))).set_index("step")
    assert rows.loc["caption", "gpu_hours_planned"] == 5
    assert rows.loc["caption", "gpu_hours_taken"] == pytest.approx(90 / 3600)
    assert rows.loc["caption", "jobs_taken"] == 1
    assert rows["gpu_hours_taken"].isna().sum() == 2, "seeds and training have not run"


def test_a_limit_that_is_too_short_is_found(diamond):
    costs = [hours(number) for number in (0.5, 2, 3, 0.9, 0.1)]
    assert table.too_short(diamond, costs) == {"caption": (3, 1)}


def test_the_disk_of_a_checkpoint_is_that_of_the_files_it_lists(tmp_path):
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"files": {"weights": {"bytes": 500}}}))
    assert disk_of(make_job("train", str(manifest))) == 500 + manifest.stat().st_size
