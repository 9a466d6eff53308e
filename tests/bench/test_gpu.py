"""The measurement for GPUs with few numbers on a CPU: the same programs, and what they do where a thing is missing."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import traceback
import zipfile
from argparse import Namespace
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from torch.utils.flop_counter import FlopCounterMode

from repository import copy
from viper.bench.gpu import check, one, pictures, repeats, sizes, updates
from viper.bench.gpu.building import build_vlm
from viper.bench.gpu.check import Check, share_of
from viper.bench.gpu.device import Meter
from viper.bench.gpu.embedding import embedding
from viper.bench.gpu.flops import PEAKS, Load, forward_flops, peak
from viper.bench.gpu.parts import PARTS, Part
from viper.bench.gpu.rows import Row, append, read
from viper.errors import ViperError
from viper.fit.descriptions import Description
from viper.fit.weightless import Memory

ROOT = Path(__file__).parents[2]


class Said(list):
    """Rows as a part says them."""

    def __call__(self, what: str, **fields) -> None:
        self.append(Row("a part", what, **fields))

    def values(self, what: str, unit: str) -> list[float]:
        return [row.value for row in self if (row.what, row.unit) == (what, unit)]


@pytest.fixture(scope="module")
def tiny() -> sizes.Sizes:
    return sizes.tiny_sizes()


# --- what is measured -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", ["full_step", "lora_step"])
def test_a_step_says_what_each_of_its_parts_takes(tiny, part):
    said = Said()
    getattr(updates, part)(tiny, "cpu", said)
    assert not [row.note for row in said if row.value is None]
    whole = said.values("sampling and its updates", "s")[0]
    parts = {
        name: said.values(name, "s")[0] for name in ("sampling", "scoring what was sampled", "preparing", "update")
    }
    assert min(parts.values()) > 0
    assert whole == pytest.approx(sum(parts.values()) + parts["update"], rel=1e-6), "one sampling serves two updates"
    responses = tiny.prompts * 5
    assert said.values("sampling", "token/s")[0] == pytest.approx(responses * tiny.response / parts["sampling"])
    assert all(f"{responses} responses of {tiny.response} tokens" in row.setting for row in said), "none ended early"


def test_a_card_that_is_too_small_is_told_with_fewer_prompts(tiny, monkeypatch):
    tried = []

    def step(sizes, device, say, model, lora, prompts):
        tried.append(prompts)
        if prompts > 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB\nmore")
        say("step", value=1.0)

    monkeypatch.setattr(updates, "_step", step)
    said = Said()
    updates._largest_that_fits(replace(tiny, prompts=16), "cpu", said, sizes.SMALL, None)
    assert tried == [16, 8, 4]
    assert [row.note.startswith("does not fit this card: CUDA out of memory") for row in said] == [True, True, False]


def brought_by(*names):
    """Distributions that these need, and what those need, all by name; extras aside."""
    found, waiting = set(), list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        found.add(name)
        with suppress(PackageNotFoundError):  # of another platform
            needs = map(Requirement, requires(name) or ())
            waiting += [each.name for each in needs if not each.marker or each.marker.evaluate({"extra": ""})]
    return found


def test_the_documented_wheels_and_what_is_there_have_all_that_a_part_needs():
    """Of a machine with torch and transformers alone: what these bring along is there."""
    commands = re.findall(r"pip download --no-deps (?:.*\\\n)*.*", (ROOT / "docs/performance.md").read_text())
    wheels = {canonicalize_name(re.split("=", word)[0]) for text in commands for word in text.split()}
    there = brought_by("torch", "transformers")
    of_module = packages_distributions()
    needed = {name for part in PARTS.values() for name in part.needs}
    brought = {canonicalize_name(of_module[name][0]) for name in needed}
    assert brought - there - wheels == set()
    # Without its dependencies, so each has to be there too.
    small = {"accelerate", "datasets", "diffusers", "jinja2", "pandas", "peft", "pydantic", "trl"}
    unused = {"aiohttp", "fsspec", "httpx", "httpcore", "anyio", "sniffio", "h11", "multidict", "yarl", "frozenlist"}
    assert brought_by(*small & wheels) - there - wheels - unused == set()


BARE = """
import importlib, sys
for name in {absent!r}:
    sys.modules[name] = None
for name in {modules!r}:
    importlib.import_module(f"viper.bench.gpu.{{name}}")
"""


def test_without_any_wheel_the_command_starts_and_measures_what_it_can():
    """With torch and transformers alone: what else this house needs is absent."""
    there = brought_by("torch", "transformers", "pydantic")
    absent = [
        module
        for module, names in packages_distributions().items()
        if not {canonicalize_name(name) for name in names} & there and module not in {"viper", "microworld"}
    ]
    assert "portalocker" in absent
    code = BARE.format(absent=absent, modules=["check", "one", "device", "embedding"])
    bare = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONNOUSERSITE": "1"}
    made = subprocess.run([sys.executable, "-c", code], env=bare, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr


def test_a_pass_with_adapters(tiny):
    said = Said()
    updates.lora_pass(tiny, "cpu", said)
    assert {row.unit for row in said} >= {"s", "token/s", "GB at most", "TFLOP/s"}
    assert [row.unit for row in said if row.planned is not None] == ["GB at most"], "what `viper fit` counts with"


def test_what_is_forecast_of_a_pass_with_adapters_is_what_its_tensors_hold(tiny):
    """The same prompts, responses, pictures and adapters: here with all that PyTorch makes counted."""
    with updates.open_way(
        tiny, "cpu", sizes.LARGE, prompts=1, lora=tiny.lora, max_completion_length=tiny.sampled
    ) as way:
        batch = updates.sampled(way)
        planned = updates.forecast(
            Description("7B", tiny.models[sizes.LARGE]["config"]), way.options, updates._load(way, batch)
        )
        for _ in range(2):  # the first makes what stays
            with Memory() as memory:
                before = memory.restart()
                way.loss()
        standing = sum(4 * weight.numel() for weight in way.trainer.model.parameters()) + batch["pixel_values"].nbytes
    assert planned == pytest.approx(standing + memory.peak - before, rel=0.10)


def test_a_shared_prefix_is_compared_in_turns_and_counts_fewer_operations(tiny):
    said = Said()
    updates.shared_prefix(tiny, "cpu", said)
    operations = [
        said.values(f"loss, {way}", "TFLOP/s")[0] * said.values(f"loss, {way}", "s")[0]
        for way in ("stock", "shared prefix")
    ]
    assert 2 < operations[0] / operations[1] < 5, "a prompt is read once for five responses"
    assert said.values("loss, stock over shared prefix", "times")[0] > 0


def test_repeats_compares_bits(tiny):
    said = Said()
    other = json.dumps({f"{what}, {kernels} kernels": "another" for what in ("sampling", "gradients")
                        for kernels in ("fastest", "deterministic")})  # fmt: skip
    repeats.repeats(tiny, "cpu", said, [sys.executable, "-c", f"print('a library says hello'); print('''{other}''')"])
    assert said.values("same bits, in the same process", "1: yes, 0: no") == [1.0] * 4
    assert said.values("same bits, in another process", "1: yes, 0: no") == [0.0] * 4
    (difference,) = said.values("gradients, batch split", "difference by their length")
    assert 0 <= difference < 1e-3
    said.clear()
    repeats.repeats(tiny, "cpu", said, [sys.executable, "-c", "raise SystemExit('no memory')"])
    assert [row.note for row in said if row.value is None] == ["no memory"]


@given(st.lists(st.lists(st.floats(width=32), min_size=1, max_size=5), min_size=1, max_size=3), st.data())
def test_a_digest_sees_every_bit(values, data):
    tensors = [torch.tensor(row, dtype=torch.float32) for row in values]
    before = repeats.digest(tensors)
    assert repeats.digest([tensor.clone() for tensor in tensors]) == before
    changed = data.draw(st.sampled_from(tensors)).view(torch.int32)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 30))
    assert repeats.digest(tensors) != before


def test_embedding(tiny):
    said = Said()
    embedding(tiny, "cpu", said)
    assert len(said.values("embedder", "sentences/s")) == 2


def test_painting_compiled_and_not(tiny, monkeypatch):
    wanted = [pictures.Call("painter", 2, 4.0, 2), pictures.Call("painter", 2, 1.0, 1, compiled=True)]
    monkeypatch.setattr(pictures, "calls", lambda sizes: wanted)
    said = Said()
    pictures.diffusion(tiny, "cpu", said, lambda: 1e9)
    assert [row.setting for row in said if row.unit == "s a picture"] == [str(call) for call in wanted]
    assert [row.planned for row in said if row.unit == "s a pass and picture"] == [0.48] * 2
    assert not [row.note for row in said if row.value is None]


def test_a_call_that_takes_too_long_is_not_begun(tiny):
    said = Said()
    pictures.diffusion(tiny, "cpu", said, lambda: 0.0)
    assert len(said) == len(list(pictures.calls(tiny)))
    assert all(row.note.startswith("not begun: about") for row in said)


def test_what_is_painted_covers_steps_batches_and_compiling():
    calls = list(pictures.calls(sizes.true_sizes()))
    assert {call.pictures for call in calls if not call.compiled and call.who == "editor"} == {1, 2, 4}
    assert {(call.steps, call.compiled) for call in calls} == {(8, False), (50, False), (8, True), (50, True)}
    assert len(set(calls)) == len(calls)


def test_true_sizes_are_those_of_the_run():
    true = sizes.true_sizes()
    options = true.options("cuda", prompts=true.prompts)
    assert (true.prompts, options.phase.responses_per_step, options.phase.responses_per_pass) == (16, 80, 4)
    assert options.machine.precision == "bfloat16"


# --- operations -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shared", [False, True])
def test_operations_are_those_that_torch_counts(tiny, shared):
    """The formula against FlopCounterMode, on the very pass that training does, with attention as plain products.

    Without the head, which TRL applies to all positions where it has no GPU.
    """
    with updates.open_way(tiny, "cpu", sizes.SMALL, prompts=2, shared=shared, gradient_checkpointing=False) as way:
        batch, model = way.rollout(), way.trainer.model
        model.set_attn_implementation("eager")
        rows, length = batch["prompt_ids"].shape
        response = batch["completion_ids"].shape[1]
        load = Load(2 if shared else rows, rows, length, response, updates.patches(way, batch))
        fields = {}
        if shared:  # our trainer has the pictures of each prompt once, and looks up whose responses these are
            way.trainer._place = batch["prompt_place"]
        else:
            names = ("pixel_values", "image_grid_thw", "num_images", "mm_token_type_ids")
            fields = {name: batch[name] for name in names}
        parts = [[batch[f"{part}_{name}"] for part in ("prompt", "completion")] for name in ("ids", "mask")]
        ids, mask = (torch.cat(part, dim=1) for part in parts)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            way.trainer._get_per_token_logps_and_entropies(model, ids, mask, response, **fields)
        counted = sum(counter.get_flop_counts()[f"{type(model).__name__}.model"].values())
        head = 2 * model.lm_head.weight.numel() * rows * response
        assert forward_flops(model, load) - head == pytest.approx(counted, rel=0.05 if shared else 1e-6)


def test_operations_of_the_true_models():
    """2 operations a weight and token, as everybody counts; the head for responses alone."""
    published = sizes.true_sizes().models[sizes.SMALL]["config"]
    model, _ = build_vlm(published, pixels=56 * 56, device="meta")
    load = Load(prompts=1, responses=1, prompt=0, response=1, patches=0)
    assert forward_flops(model, load) == pytest.approx(2 * 3.09e9, rel=0.01), "Qwen2.5-3B without its embedding: 2.77e9"


def test_peaks_are_found_by_the_longest_name():
    assert peak("NVIDIA H100 80GB HBM3") == peak("NVIDIA H200") == PEAKS["H100"]
    assert peak("NVIDIA H100 PCIe") == PEAKS["H100 PCIe"] != PEAKS["H100"]
    assert peak("Some other card") is None


def test_a_piece_within_another_is_taken_off(monkeypatch):
    clock = iter(range(100))
    meter = Meter("cpu")
    monkeypatch.setattr(meter, "_now", lambda: next(clock))
    with meter.piece("outer"):  # 0
        with meter.piece("inner"):  # 1 to 2
            pass
        meter.measured("inner", lambda: None)()  # 3 to 4
    # ended at 5
    assert meter.seconds == {"inner": 2, "outer": 3}


# --- the command ------------------------------------------------------------------------------------------------------


@given(st.floats(1, 1000), st.lists(st.tuples(st.floats(0.1, 20), st.floats(0, 1)), min_size=1, max_size=10))
def test_parts_never_take_more_than_there_is(seconds, parts):
    left, shares = seconds, [share for share, _ in parts]
    for place, (_, used) in enumerate(parts):
        given_to = share_of(left, shares[place:])
        assert given_to >= seconds * shares[place] / sum(shares) * (1 - 1e-9), "what one leaves over others get"
        left -= used * given_to
    assert left >= -1e-6


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Runs programs in place of the parts; returns the exit status and the table."""

    def run(programs: dict[str, str], seconds: float = 60, **given) -> tuple[int, list[dict[str, str]]]:
        monkeypatch.setattr(check, "PARTS", {name: Part("none:none", 1, ()) for name in programs})
        out = tmp_path / "results" / "gpu.csv"
        common = {"out": out, "wheels": None, "seconds": seconds, "device": "cpu", "tiny": True, "only": None}
        options = Namespace(**common | given)
        monkeypatch.setattr(
            Check,
            "command",
            lambda self, name, path, seconds: [sys.executable, "-c", f"path = {str(path)!r}\n{programs[name]}"],
        )
        (tmp_path / "scratch").mkdir(exist_ok=True)
        status = Check(options, tmp_path / "scratch").run()
        return status, list(csv.DictReader(out.open()))

    return run


SAY = "import json; file = open(path, 'a'); say = lambda **row: (file.write(json.dumps(row) + '\\n'), file.flush())\n"
DEVICE = (
    SAY + "say(part='device', what='device', note='H100'); say(part='device', what='rate', value=1.5, unit='TFLOP/s')"
)


def test_rows_carry_the_device(measured):
    status, table = measured({"device": DEVICE, "a": SAY + "say(part='a', what='b', value=2 / 3, unit='s', planned=1)"})
    assert status == 0
    assert [(row["what"], row["value"], row["planned"], row["device"]) for row in table] == [
        ("rate", "1.5", "", "H100"),
        ("b", "0.666667", "1", "H100"),
    ]


ONE_EACH = {"device": DEVICE} | {
    name: SAY + f"say(part={name!r}, what='first', value=1); say(part={name!r}, what='second', value=1)"
    for name in ("a", "b")
}


def test_measuring_one_part_again_keeps_the_rows_of_the_others(measured):
    measured(ONE_EACH)
    again = ONE_EACH | {"a": SAY + "say(part='a', what='first', value=2)", "b": "raise SystemExit('never')"}
    status, table = measured(again, only=["a"])
    assert status == 0
    assert sorted((row["part"], row["what"], row["value"], row["device"]) for row in table) == [
        ("a", "first", "2", "H100"),
        ("b", "first", "1", "H100"),
        ("b", "second", "1", "H100"),
        ("device", "rate", "1.5", "H100"),
    ]
    _, table = measured({"device": DEVICE, "a": again["a"]})
    assert {row["part"] for row in table} == {"device", "a"}, "all that there are: nothing is kept"


def test_what_was_measured_of_a_part_stays_where_it_cannot_be_measured_again(measured):
    measured(ONE_EACH)
    status, table = measured(ONE_EACH | {"device": "raise SystemExit('no GPU here')"}, only=["a"])
    assert status == 1
    assert [row["part"] for row in table] == ["a", "a", "b", "b", "device"]


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"picture,hash\n", b"{columns}\n1,2\n", b"{columns}\n" + b"," * 99, b'{columns}\n"a"b\n']
)
def test_a_table_that_cannot_be_kept_is_one_message(measured, tmp_path, content):
    measured(ONE_EACH)
    out = tmp_path / "results" / "gpu.csv"
    content = content.replace(b"{columns}", out.read_bytes().splitlines()[0])
    out.write_bytes(content)
    with pytest.raises(ViperError, match=r"gpu\.csv.*: its rows cannot be kept.*: move it away, or name another --out"):
        measured(ONE_EACH, only=["a"])
    assert out.read_bytes() == content


def test_what_takes_too_long_is_stopped_and_keeps_its_rows(measured):
    slow = SAY + "say(part='slow', what='first', value=1); import time; time.sleep(1000)"
    status, table = measured({"device": DEVICE, "slow": slow, "after": SAY + "say(part='after', what='x')"}, seconds=8)
    assert status == 0
    assert [row["what"] for row in table] == ["rate", "first", check.WHOLE, "x"]
    assert "stopped after" in table[2]["note"]
    assert "1 rows were measured" in table[2]["note"]


def test_what_fails_says_why_and_the_others_go_on(measured):
    status, table = measured(
        {"device": DEVICE, "bad": "raise ValueError('what is wrong')", "good": SAY + "say(part='good', what='x')"}
    )
    assert status == 1
    assert table[1]["note"].startswith("failed: ValueError: what is wrong")
    assert table[2]["what"] == "x"


def test_without_a_gpu_nothing_else_is_tried(measured):
    status, table = measured({"device": "raise SystemExit('no GPU here')", "a": "raise SystemExit('never')"})
    assert status == 1
    assert ["no GPU here" in row["note"] for row in table] == [True]


def test_a_part_without_its_packages_says_which(measured, monkeypatch):
    programs = {"device": DEVICE, "a": "raise SystemExit('never')"}
    lacking = {"device": Part("none:none", 1, ()), "a": Part("none:none", 1, ("no_such_package", "json"))}
    real = Check.run
    monkeypatch.setattr(Check, "run", lambda self: (monkeypatch.setattr(check, "PARTS", lacking), real(self))[1])
    status, table = measured(programs)
    assert status == 0
    assert table[1]["note"] == "not measured: needs no_such_package"


def test_wheels_come_before_what_is_installed(tmp_path, monkeypatch):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "tqdm-99.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tqdm/__init__.py", "WHICH = 'brought along'")
        wheel.writestr("tqdm-99.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tqdm\nVersion: 99.0\n")
    monkeypatch.setattr(sys, "path", [*sys.path])
    options = Namespace(out=tmp_path / "gpu.csv", wheels=wheels, seconds=9, device="cpu", tiny=True, only=None)
    environment = Check(options, tmp_path).environment
    code = "import tqdm; from importlib.metadata import version; print(tqdm.WHICH, version('tqdm'))"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "brought along 99.0\n"


def test_what_cannot_be_measured_at_all_is_one_message(tmp_path, monkeypatch, capsys):
    for wheels, said in ((tmp_path / "none", "is no folder"), (tmp_path, "cannot be read")):
        (tmp_path / "broken.whl").write_bytes(b"no zip")
        assert check.main(["--out", str(tmp_path / "x.csv"), "--wheels", str(wheels)]) == 2
        assert said in capsys.readouterr().err
    monkeypatch.setattr(check, "version", lambda name: "2.10.1+cu130")
    assert check.main(["--out", str(tmp_path / "x.csv")]) == 2
    assert "has torch 2.10.1+cu130, needed is 2.11 or newer" in capsys.readouterr().err
    assert not (tmp_path / "x.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *(
            (["--out", "x.csv", f"--seconds={text}"], f"'{text}' is no number of seconds above 0")
            for text in ("-5", "0", "nan", "inf", "long")
        ),
        *((["--out", name], f"'{name}' does not end in .csv") for name in ("log.log", "gpu", ".csv", "gpu.csv.log")),
    ],
)
def test_arguments_that_cannot_be_meant_are_one_message(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Check, "run", lambda self: pytest.fail("it was begun"))
    with pytest.raises(SystemExit, match="2"):
        check.main(arguments)
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def wheel_with(damage: str) -> bytes:
    """A wheel of which one thing is wrong, which zipfile meets with an error of another kind each time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pkg/__init__.py", "WHICH = 'brought along'\n" * 100)
    content = bytearray(buffer.getvalue())
    central = content.index(b"PK\x01\x02")
    if damage == "stream":  # zlib.error
        content[45:central] = b"\xff" * (central - 45)
    elif damage == "method":  # NotImplementedError
        content[central + 10] = content[8] = 99
    elif damage == "encrypted":  # RuntimeError
        content[central + 8] |= 1
        content[6] |= 1
    elif damage == "sizes":  # EOFError
        content[central + 10] = content[8] = zipfile.ZIP_STORED
        content[central + 20 : central + 28] = (10**6).to_bytes(4, "little") * 2
    elif damage == "name":  # UnicodeDecodeError
        content[central + 9] |= 8
        content[central + 46] = 0xFF
    return bytes(content)


@pytest.mark.parametrize("damage", ["stream", "method", "encrypted", "sizes", "name"])
def test_a_damaged_wheel_is_one_message(tmp_path, capsys, damage):
    (tmp_path / "broken.whl").write_bytes(wheel_with(damage))
    assert check.main(["--out", str(tmp_path / "x.csv"), "--wheels", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert re.fullmatch(r"make gpu-check: WHEELS: .*broken\.whl cannot be read \(.+\): download it again\n", said)
    assert not (tmp_path / "x.csv").exists()


def test_a_place_that_cannot_be_written_to_is_one_message(tmp_path, capsys):
    (tmp_path / "x.log").mkdir()
    assert check.main(["--out", str(tmp_path / "x.csv")]) == 2
    assert "x.log: cannot be written" in capsys.readouterr().err


def test_a_line_that_is_still_being_written_waits(tmp_path):
    path = tmp_path / "rows.jsonl"
    assert read(path) == []
    append(path, Row("a", "b", value=1.0))
    with path.open("a") as file:
        file.write('{"part": "a", "wh')
    assert read(path) == [Row("a", "b", value=1.0)]


class Here:
    """In place of a process of its own: a part runs in this one, where libraries are loaded once for all parts."""

    def __init__(self, command, *, stdout, stderr, env, start_new_session):
        assert command[:3] == [sys.executable, "-m", one.__name__]
        self.returncode = 0
        with redirect_stdout(stdout), redirect_stderr(stderr), mock.patch.dict(os.environ, env):
            try:
                with mock.patch.object(sys, "argv", command[2:]):
                    one.main()
            except Exception:
                traceback.print_exc()
                self.returncode = 1

    def poll(self):
        return self.returncode

    def wait(self):
        return self.returncode


@pytest.mark.slow
def test_every_part_of_the_command_writes_its_rows(tmp_path, monkeypatch, capsys):
    """What `make gpu-check` calls, from its arguments to its table, with few numbers of everything on a CPU."""
    monkeypatch.setattr(check, "subprocess", SimpleNamespace(Popen=Here))
    out = tmp_path / "results" / "gpu.csv"
    status = check.main(["--out", str(out), "--tiny", "--device", "cpu", "--seconds", "3000"])
    assert status == 0, out.with_suffix(".log").read_text()
    table = list(csv.DictReader(out.open()))
    assert list(dict.fromkeys(row["part"] for row in table)) == list(PARTS)
    assert [row for row in table if not row["value"]] == []
    assert {row["torch"] for row in table} == {torch.__version__}
    planned = {(row["part"], row["unit"]) for row in table if row["planned"]}
    assert planned == {("LoRA pass of 7B", "GB at most"), ("diffusion", "s a pass and picture")}
    assert len(capsys.readouterr().out.splitlines()) >= len(table)


@pytest.mark.long  # nine processes, each of which loads its libraries; in one process: above
def test_make_gpu_check_from_a_plain_checkout(tmp_path):
    """No environment of its own, no GPU: every part starts, and says something."""
    root = copy(tmp_path).root
    flags = "--tiny --device cpu --seconds 1500"
    done = subprocess.run(
        ["make", "gpu-check", f"GPU_PYTHON={sys.executable}", f"GPU_FLAGS={flags}"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    table = list(csv.DictReader((root / "results/benchmarks/gpu.csv").open()))
    assert {row["part"] for row in table} == set(PARTS)
    assert all(row["value"] for row in table if row["part"] not in ("diffusion", "device"))
