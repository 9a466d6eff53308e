"""What is said where a file that is made again has other bytes."""

import json

import pytest

from viper.provenance import regenerate
from viper.provenance.fetching import UnreachableError
from viper.provenance.regenerate import DIFFERENT, OTHER_VERSIONS, Recorded
from viper.provenance.sidecar import SUFFIX

TABLE = "results/toy/main/main.csv"


def record(commit="a" * 40, dirty=False, version="1.0", command="tables", inputs=None):
    made_from = {"command": [command], "inputs": inputs or {}}
    run = {"commit": commit, "dirty": dirty, "packages": {"numpy": version}, "seeds": [], "seconds": 1.0}
    run |= {"finished": "2026-01-01", "machine": {"system": "x", "processor": "x", "cores": 1}, "python": "3.11"}
    return {"file": TABLE, "md5": "0" * 32, "id": "0" * 64, "made_from": made_from, "run": run}


def lose(*_):
    """The recorded bytes are nowhere."""
    raise UnreachableError("no remote has them")


@pytest.mark.parametrize(
    ("before", "status", "said"),
    [
        (record(), DIFFERENT, ""),
        (record(version="0.9"), OTHER_VERSIONS, "package differs: numpy: 0.9 then, 1.0 now"),
        (record(dirty=True), DIFFERENT, "made with uncommitted changes on top of aaaaaaaaaaaa"),
        (record(commit="b" * 40), DIFFERENT, "made at bbbbbbbbbbbb, and recorded at a later commit"),
        (record(inputs={"a.tsv": "0"}), DIFFERENT, "input differs: a.tsv: 0 then, absent now"),
        (record(command="claims"), DIFFERENT, "the command differs: claims"),
        (None, DIFFERENT, "is lost: causes cannot be told"),
    ],
)
def test_the_causes_are_named(tmp_path, monkeypatch, before, status, said):
    (tmp_path / TABLE).parent.mkdir(parents=True)
    (tmp_path / TABLE).write_text("made again")
    (tmp_path / f"{TABLE}{SUFFIX}").write_text(json.dumps(record()))
    monkeypatch.setattr(regenerate, "packages", lambda: {"numpy": "1.0"})
    monkeypatch.setattr(regenerate, "obtain", lose)
    found, lines = regenerate._explain(tmp_path, Recorded("a" * 40, TABLE, "0" * 32), before, [])
    assert found == status
    assert "DIFFERENT: made again it has MD5" in lines[0]
    assert lines[1] == "contents: not compared: no remote has them"
    assert said in lines[-1]
