"""Files of Snakemake's `benchmark:`."""

import math

import pytest

from viper.analysis.timings import read_measured
from viper.errors import ViperError

HEADER = "s\th:m:s\tmax_rss\tmean_load\n"


@pytest.mark.parametrize("unknown", ["-", "NA", ""])
def test_what_snakemake_could_not_measure_is_unknown(tmp_path, unknown):
    path = tmp_path / "a.tsv"
    path.write_text(f"{HEADER}9\t0:00:09\t8\t7\n1.5\t0:00:01\t{unknown}\t{unknown}\n")
    found = read_measured(path)
    assert found["s"] == 1.5  # of the last run
    assert math.isnan(found["max_rss"])
    assert math.isnan(found["mean_load"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no header"),
        (HEADER, "holds no measurement"),
        ("max_rss\n1\n", "lacks the column s"),
        (f"{HEADER}None\t0\t1\t1\n", "no number"),
        (f"{HEADER}1\t0\n", "line 2: 2 cells, the header has 4"),
    ],
)
def test_what_is_no_measurement_is_named(tmp_path, content, message):
    path = tmp_path / "a.tsv"
    path.write_text(content)
    with pytest.raises(ViperError, match=rf"a\.tsv.*{message}"):
        read_measured(path)
