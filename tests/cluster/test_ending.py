"""Word of a job's end, which is left in a note for whoever trains."""

import os

from viper.cluster import ending


def test_a_note_is_left_at_the_signal_heeded_once_and_not_taken_over_by_another_attempt(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    before = ending.signal.getsignal(ending.SIGNAL)
    try:
        ending.listen()
        assert not ending.is_near()
        os.kill(os.getpid(), ending.SIGNAL)
        assert ending.is_near()
        ending.listen()  # the job was ended before it could heed, and begins again
        assert not ending.is_near()
        os.kill(os.getpid(), ending.SIGNAL)
        ending.heed()
        assert not ending.is_near()
    finally:
        ending.signal.signal(ending.SIGNAL, before)
