"""What a process says of its start-up, and what is read back from a log."""

import subprocess
import sys

from viper.startup import read_seconds

SLOW_START = """
import logging, sys, time
logging.basicConfig(level="INFO")
time.sleep(0.7)
from viper.startup import log_ready
log_ready()
"""


def test_seconds_are_counted_from_the_start_of_the_process():
    said = subprocess.run([sys.executable, "-c", SLOW_START], capture_output=True, text=True, check=True).stderr
    assert 0.6 < read_seconds(said) < 20


def test_the_last_time_counts_and_a_silent_log_says_nothing():
    assert read_seconds("started after 1.0 s\nx\nstarted after 2.5 s") == 2.5
    assert read_seconds("nothing") is None
