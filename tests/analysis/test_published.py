import pytest

from viper.analysis.published import BENCHMARKS, OVERALL, published


def test_every_published_overall_is_the_mean_of_its_seven_benchmarks():
    for (model, lineage), rows in published().groupby(["model", "lineage"]):
        scores = rows.set_index("column")["score"]
        assert scores[list(BENCHMARKS)].mean() == pytest.approx(scores[OVERALL], abs=0.051), (model, lineage)
