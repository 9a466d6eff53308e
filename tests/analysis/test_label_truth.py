"""The share of true labels beside the gain, from small tables of known answers."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from microworld import audit as microworld_audit
from viper.analysis.figures import label_truth as figure
from viper.analysis.label_truth import MEASURES, join, labelled
from viper.analysis.published import OVERALL
from viper.errors import ViperError
from viper.plotting import plt

LINEAGES = ["base+look", "base.csr+look", "base.vop+look", "base~truth.vop+look"]


@pytest.fixture
def audit():
    """Two seeds: of VOP labels 30 of 40 and 10 of 60 are true, of CSR labels 9 of 10 twice."""
    vop, csr = MEASURES["vop"], MEASURES["csr"]
    rows = [(0, *vop, 0.75, 40), (1, *vop, 0.1667, 60), (0, *csr, 0.9, 10), (1, *csr, 0.9, 10), (0, "edits", "x", 1, 9)]
    table = pd.DataFrame(rows, columns=["seed", "step", "measure", "share", "n"])
    other = table.assign(lineage="base~truth", share=0.0)  # of the loop's own labels, which truth replaces
    return pd.concat([table.assign(lineage="base"), other])


@pytest.fixture
def scores():
    gains = [np.nan, 1.0, 2.0, 5.0]
    table = pd.DataFrame({"lineage": LINEAGES, "column": OVERALL, "difference": gains, "compared_with": "base+look"})
    table = table.assign(difference_low=table["difference"] - 1, difference_high=table["difference"] + 2, seeds=2)
    return pd.concat([table, table.assign(column="MMStar", difference=99.0)])


def test_labels_of_all_seeds_count_together(audit, scores):
    table = join(audit, scores, ["base~truth.vop+look"], 0.95).set_index("lineage")
    assert list(table.index) == LINEAGES[1:]
    own = table.loc["base.vop+look"]
    expected = binomtest(40, 100).proportion_ci(0.95, method="wilson")
    assert (own["labels"], own["share"]) == (100, 0.4)
    assert (own["share_low"], own["share_high"]) == pytest.approx((expected.low, expected.high))
    assert (own["gain"], own["gain_low"], own["gain_high"]) == (2, 1, 4)
    assert table.loc["base.csr+look", "share"] == 0.9


def test_labels_by_the_truth_are_true_by_construction(audit, scores):
    by_truth = join(audit, scores, ["base~truth.vop+look"], 0.95).set_index("lineage").loc["base~truth.vop+look"]
    assert by_truth["share"] == 1
    assert by_truth[["labels", "share_low", "share_high"]].isna().all()


def test_shuffled_labels_are_true_by_chance_alone(audit, scores):
    table = join(audit, scores, [], 0.95, shuffled=["base~truth.vop+look"]).set_index("lineage")
    shuffled = table.loc["base~truth.vop+look"]
    assert shuffled["share"] == 0
    assert shuffled[["labels", "share_low", "share_high"]].isna().all()
    assert table.loc["base.vop+look", "share"] == 0.4


def test_an_audit_without_the_lineage_is_refused(audit, scores):
    with pytest.raises(ViperError, match="no row of base, edits: statement is true: make audit_synthesis again"):
        join(audit[audit["step"] != "edits"], scores, [], 0.95)


def test_only_lineages_of_one_phase_have_labels_of_one_kind():
    assert labelled(["base", "base.csr.vop+look", "base.sft", "base~a.csr", "base.vop+look"]) == [
        "base~a.csr",
        "base.vop+look",
    ]


def test_measures_are_those_of_the_audit():
    assert MEASURES["csr"] == ("refinements", microworld_audit.CAPTION)


def test_each_lineage_is_a_point(audit, scores):
    table = join(audit, scores, ["base~truth.vop+look"], 0.95)
    drawn = figure.draw(table)
    (axes,) = drawn.axes
    points = {container.get_label(): container.lines[0].get_xydata() for container in axes.containers}
    assert points["CSR"] == pytest.approx(np.array([[90, 1]]))
    assert points["VOP"] == pytest.approx(np.array([[40, 2], [100, 5]]))
    assert [text.get_text() for text in axes.texts] == LINEAGES[1:]
    plt.close(drawn)
    assert "over ``base+look``" in figure.caption(table, 0.95)
