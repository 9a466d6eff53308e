"""What the exit status of the reviewer's check says."""

import pytest
import typer

from viper.errors import ViperError
from viper.provenance import commands, verify
from viper.provenance.compare import Comparison, Verdict

IDENTICAL, CLOSE, DIFFERENT = (Comparison(verdict) for verdict in Verdict)


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ([IDENTICAL, None], 0),
        ([IDENTICAL, CLOSE], 3),
        ([IDENTICAL, CLOSE, DIFFERENT], 1),
    ],
)
def test_the_worst_verdict_is_the_exit_status(monkeypatch, capsys, found, status):
    monkeypatch.setattr(verify, "verify", lambda *_: ((f"file{number}", each) for number, each in enumerate(found)))
    with pytest.raises(typer.Exit) as end:
        commands.verify_command(scale="toy")
    assert end.value.exit_code == status
    assert "file0" in capsys.readouterr().out


def test_that_nothing_could_be_checked_is_an_error(monkeypatch):
    monkeypatch.setattr(verify, "verify", lambda *_: iter([("gone.csv", None)]))
    with pytest.raises(ViperError, match="nothing could be checked"):
        commands.verify_command(scale="toy")
