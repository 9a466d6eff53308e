"""What a preflight finds on machines that are played: a driver by a script, packages and memory by numbers."""

import json
import os

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from repository import ROOT
from viper.cluster import commands, preflight
from viper.cluster.preflight import Finding, Kind
from viper.config.loading import load
from viper.errors import ViperError

GPU = Kind(threads=8, gpu=2, mem_mb=64_000)
CPU = Kind(threads=1, gpu=0, mem_mb=2_000)


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Return a function that puts an `nvidia-smi` with a driver in place."""

    def put(*versions):
        smi = tmp_path / "nvidia-smi"
        smi.write_text("#!/bin/sh\n" + "".join(f"echo {version}\n" for version in versions))
        smi.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin:/bin")

    return put


@pytest.mark.parametrize(
    ("found", "cuda", "state"),
    [
        ("580.65.06", "13.0", "ok"),
        ("570.86.15", "13.0", "wrong"),
        ("570.86.15", "12.8", "ok"),
        ("470.82.01", "12.1", "wrong"),
        ("575.1", "14.0", "wrong"),  # of a CUDA that is not known here: at least what the newest known one needs
    ],
)
def test_a_driver_is_held_to_the_cuda_of_torch(driver, found, cuda, state):
    driver(found, found)
    finding = preflight.driver(GPU, cuda)
    assert finding.state == state
    assert (state == "ok") == (finding.remedy == "")


def test_cuda_13_wheels_on_an_old_driver_say_which_one_is_needed(driver):
    driver("570.86.15")
    finding = preflight.driver(GPU, "13.0")
    assert finding.found == "570.86.15; CUDA 13.0 needs 580"
    assert "R580" in finding.remedy


def test_no_driver_no_gpu_and_torch_without_cuda_are_told_apart(driver, monkeypatch, tmp_path):
    driver("580.65.06")
    assert "VIPER_STEPS" in preflight.driver(GPU, None).remedy
    driver()
    assert preflight.driver(GPU, "13.0").found == "nvidia-smi lists no GPU"
    (tmp_path / "nvidia-smi").unlink()
    assert preflight.driver(GPU, "13.0").state == "wrong"
    assert preflight.driver(CPU, None).state == "ok"


@pytest.mark.parametrize(
    ("number", "usable", "state"), [(0, 0, "wrong"), (1, 1, "wrong"), (2, 1, "wrong"), (2, 2, "ok")]
)
def test_gpus_are_counted_and_tried(number, usable, state):
    assert preflight.graphics(GPU, ["H100"] * number, usable, [79.1] * number, 80).state == state


@pytest.mark.parametrize(("planned", "state"), [(None, "ok"), (48, "ok"), (80, "wrong")])
def test_a_gpu_is_held_to_what_was_forecast_for(planned, state):
    """The forecast for a larger one says nothing of it; a card shows a little less than it is sold with."""
    finding = preflight.graphics(GPU, ["H100", "L40S"], 2, [79.1, 47.4], planned)
    assert finding.state == state
    assert ("set fit.gpu_memory to 47" in finding.remedy) == (state == "wrong")


@given(st.integers(0, 200_000), st.integers(1, 64))
def test_memory_and_cores_are_held_to_what_is_asked(found_mb, threads):
    finding = preflight.memory(GPU, found_mb, threads)
    assert (finding.state == "ok") == (found_mb >= 0.95 * GPU.mem_mb and threads >= GPU.threads)
    assert ("mem_mb" in finding.remedy) == (found_mb < 0.95 * GPU.mem_mb)


def test_memory_is_that_of_the_job_where_the_system_limits_it(tmp_path):
    here = preflight.available_mb(tmp_path)
    assert here > 500
    text = open("/proc/self/cgroup", encoding="utf-8").read()  # noqa: PTH123, SIM115
    place = tmp_path / text.splitlines()[0].rpartition(":")[2].lstrip("/")
    place.mkdir(parents=True, exist_ok=True)
    (place / "memory.max").write_text("123000000\n")
    assert preflight.available_mb(tmp_path) == 123
    (place / "memory.max").write_text("max\n")
    assert preflight.available_mb(tmp_path) == here


def test_a_disk_without_room_is_named_and_a_folder_to_be_made_is_looked_for_above(tmp_path):
    assert preflight.disk("models", tmp_path / "not" / "there", 0).state == "ok"
    finding = preflight.disk("models", tmp_path, 1e9)
    assert finding.state == "wrong"
    assert "1,000,000,000 needed" in finding.found


def no_network():
    raise OSError("Network is unreachable")


def test_a_network_is_missed_only_where_something_is_to_be_fetched():
    assert preflight.network(False, no_network).state == "ok"
    assert preflight.network(True, no_network).state == "note"
    assert "fetch" in preflight.network(True, no_network).remedy
    assert preflight.network(True, lambda: None) == Finding("network", "huggingface.co answers")


@given(st.sets(st.sampled_from(sorted(preflight.CACHES))))
def test_each_cache_below_home_is_named_with_what_moves_it(moved):
    environment = {"HOME": str(ROOT)} | {name: f"/scratch/{name}" for name in moved}
    finding = preflight.caches(GPU, environment)
    assert (finding.state == "ok") == (moved == set(preflight.CACHES))
    for name in set(preflight.CACHES) - moved:
        assert f"{name}=" in finding.remedy
    for name in moved:
        assert f"{name}=" not in finding.remedy


def test_caches_below_a_home_that_is_not_there_are_wrong():
    assert preflight.caches(GPU, {"HOME": "/not/there"}).state == "wrong"
    assert preflight.caches(CPU, {"HOME": "/not/there"}).state == "ok"
    where = {"HOME": str(ROOT), "XDG_CACHE_HOME": "/scratch"}
    assert "HF_HOME" not in preflight.caches(GPU, where).found


def test_versions_are_those_of_the_lock_file(tmp_path):
    lock = tmp_path / "cuda.txt"
    lock.write_text("# a comment\ntorch==2.13.0\ntrl==1.16.0 ; python_version >= '3.10'\nvllm==0.30.0\n")
    right = {"torch": "2.13.0+cu130", "trl": "1.16.0", "vllm": "0.30.0"}
    assert preflight.versions(lock, right.__getitem__).state == "ok"
    finding = preflight.versions(lock, (right | {"trl": "1.15.0"}).__getitem__)
    assert (finding.state, finding.found) == ("wrong", "trl 1.15.0 (1.16.0)")


def test_this_environment_is_that_of_its_lock_file():
    assert preflight.versions(ROOT / "envs/cpu.txt").state == "ok"


def test_an_engine_that_cannot_be_used_is_wrong():
    assert preflight.engine("auto", has_gpu=False).found == "transformers"
    assert preflight.engine("vllm", has_gpu=False).state == "wrong"


@pytest.fixture
def model(tmp_path):
    (tmp_path / "manifest.json").write_text("{}")
    return str(tmp_path)


def fail():
    raise RuntimeError("no kernel image is available\nfor execution")


def wait():
    while True:
        pass


def test_a_trial_says_what_was_done_or_what_the_library_said(model, tmp_path):
    assert preflight.trial("vlm", model, lambda: "two tokens", 5).found == "two tokens; 0 s"
    assert preflight.trial("vlm", model, fail, 5).found == "RuntimeError: no kernel image is available"
    assert preflight.trial("vlm", model, wait, 1).found == "not done after 1 s"
    missing = preflight.trial("vlm", str(tmp_path / "none"), fail, 5)
    assert (missing.state, missing.remedy) == ("note", "get the models first: `snakemake … -- fetch`")


@pytest.fixture
def written(tmp_path):
    """Findings of two nodes, as their jobs write them down."""
    found = {
        CPU: [Finding("disk", "72 GB free"), Finding("network", "none", "note", "Fetch elsewhere.")],
        GPU: [Finding("driver", "470", "wrong", "Take another node.")],
    }
    paths = [tmp_path / f"{kind.name}.json" for kind in found]
    for path, (kind, findings) in zip(paths, found.items(), strict=True):
        path.write_text(preflight.to_json(kind, findings), encoding="utf-8")
    return paths


def test_one_table_shows_all_nodes_and_what_is_wrong_comes_first(written):
    shown, remedies = preflight.table(list(map(preflight.read_findings, written)))
    assert [line.split()[-1] for line in shown.splitlines()] == ["state", "ok", "note", "wrong"]
    assert len({line.find(GPU.name) for line in shown.splitlines()} - {-1}) == 1
    assert remedies[0].startswith("wrong")
    assert remedies[0].endswith("8cpu-2gpu-64000mb, driver: 470. Take another node.")
    assert len(remedies) == 2


@given(st.integers(1, 1000), st.integers(0, 64), st.integers(100, 10**7))
def test_a_kind_has_one_name(threads, gpu, mem_mb):
    kind = Kind(threads, gpu, mem_mb)
    assert Kind.of(kind.name) == kind


def test_what_is_no_kind_is_one_sentence():
    with pytest.raises(ViperError, match="write it as 8cpu-1gpu-64000mb"):
        Kind.of("large")


def test_findings_are_json():
    assert json.loads(preflight.to_json(CPU, []))["kind"] == "1cpu-0gpu-2000mb"


# --- the commands


def run(*arguments):
    app = typer.Typer()
    commands.register(app)
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_what_was_shown_is_removed(written):
    cpu, gpu = written
    result = run("preflight-table", cpu)
    assert result.exit_code == 0
    assert "72 GB free" in result.stdout
    assert [path.exists() for path in written] == [False, True]
    result = run("preflight-table", gpu)
    assert isinstance(result.exception, ViperError)
    assert "wrong: " in result.stdout
    assert not gpu.exists()


def test_a_file_that_is_named_twice_is_shown_once(written, tmp_path):
    (tmp_path / "link.json").symlink_to(written[0])
    again = tmp_path / "no" / ".." / written[0].name
    (tmp_path / "no").mkdir()
    result = run("preflight-table", written[0], written[0], again, tmp_path / "link.json")
    assert result.exit_code == 0
    assert result.stdout.count("72 GB free") == 1
    assert not written[0].exists()
    assert not (tmp_path / "link.json").is_symlink()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Invalid JSON"),
        (b"models:\n  vlm: x\n", "Invalid JSON"),
        (b"\xff", "not UTF-8 text"),
        (b"[]", "should be an object"),
        (b'{"kind": "1cpu-0gpu-2000mb", "node": "a"}', "findings: Field required"),
        (b'{"kind": "1cpu-0gpu-2000mb", "node": "a", "findings": []}', "findings: List should have at least 1"),
        (b'{"kind": "1cpu-0gpu-2000mb", "node": "a", "findings": [{"check": "disk"}]}', r"findings\.0\.found"),
        (
            b'{"kind": "1cpu-0gpu-2000mb", "node": "a", "findings": [{"check": "disk", "found": "x", "state": "bad"}]}',
            r"findings\.0\.state",
        ),
        (None, "missing"),
    ],
)
def test_what_is_no_findings_is_one_message_and_all_files_stay(written, tmp_path, content, message):
    other = tmp_path / "params.yaml"
    if content is not None:
        other.write_bytes(content)
    result = run("preflight-table", written[0], other, written[1])
    assert isinstance(result.exception, ViperError)
    with pytest.raises(ViperError, match=rf"params\.yaml: .*{message}.*Name what `preflight-node` wrote"):
        raise result.exception
    assert result.stdout == ""
    assert all(path.exists() for path in written)
    assert other.exists() == (content is not None)


@pytest.mark.parametrize("part", ["foo", "", "VLM"])
def test_an_unknown_part_is_refused_with_the_known_ones(part, tmp_path):
    out = tmp_path / "out.json"
    result = run("preflight-node", "--kind", CPU.name, "--options", tmp_path / "none", "--out", out, "--part", part)
    assert result.exit_code == 2
    assert all(known in result.output for known in ("vlm", "painter", "editor", "training"))
    assert not out.exists()


@pytest.mark.parametrize("part", commands.Part)
def test_each_part_has_its_trial(part):
    assert commands._trials(load("3b"), [part], None)[0].check == part
