"""Files of Snakemake's `benchmark:`, and the table of them."""

import math

import numpy as np
import pytest

from viper.cost.timings import collect, read_measured
from viper.errors import ViperError
from viper.layout import Layout

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


def test_timings_are_collected_by_step(tmp_path):
    layout = Layout("toy")
    files = {
        layout.timing("tables"): "s\tmax_rss\tmean_load\n1.5\t-\t-\n",
        layout.timing("base.csr/seed0/train"): "s\tmax_rss\tmean_load\n60\t900\t99\n",
        layout.log("base.csr/seed0/train"): "INFO viper.startup: started after 3.0 s\n"
        "INFO viper.startup: started after 4.5 s\ntraining\n",
        layout.timing("another"): "s\tmax_rss\tmean_load\n7\t7\t7\n",  # of a job that nobody asks about
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    asked = [layout.timing(place) for place in ("tables", "base.csr/seed0/train", "base.csr/seed1/train", "tables")]
    table = collect(layout, asked, tmp_path).set_index("step")
    assert table.loc["base.csr/seed0/train", "seconds"] == 60
    assert np.isnan(table.loc["tables", "peak_mb"])
    assert table["start_up_seconds"].to_dict() == {"base.csr/seed0/train": 4.5, "tables": 1.5, "all jobs": 6.0}
    assert table.loc["all jobs", "seconds"] == 61.5
