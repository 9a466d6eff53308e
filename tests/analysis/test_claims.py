"""What the claims compare: every row of the list, and the parts that some of them have."""

from pathlib import Path

import numpy as np
import pytest

from viper.analysis.claims import CLAIMS, LOOK, PRIMARY
from viper.analysis.published import BENCHMARKS, OVERALL
from viper.config.loading import load

ROOT = Path(__file__).parents[2]
BY_NAME = {claim.name: claim for claim in CLAIMS}


def test_names_and_texts_are_unlike_each_other_and_one_claim_is_primary():
    assert len(BY_NAME) == len({claim.text for claim in CLAIMS}) == len(CLAIMS)
    primary = BY_NAME[PRIMARY]
    assert (primary.better, primary.worse, primary.column) == ("base.csr.vop+look", "base+look", OVERALL)
    assert CLAIMS[0] == primary
    assert CLAIMS[1].worse == "base"  # as it answers by itself, beside it


@pytest.mark.parametrize("scale", ["smoke", "micro", "3b", "7b"])
def test_the_experiments_have_what_every_claim_compares(scale):
    experiments = load(scale, ROOT / "params.yaml").experiments
    answered = {
        lineage for name, lineages in experiments.items() if not name.startswith("figure") for lineage in lineages
    }
    for claim in CLAIMS:
        wanted = set(experiments["figure_attention"]) if claim.table == "attention" else answered
        assert {claim.better, claim.worse} <= wanted, claim.name


def test_every_claim_about_answers_is_also_made_of_models_that_are_asked_alike():
    for claim in CLAIMS:
        if claim.table == "attention" or claim.name == "two_stage_beats_looking" or claim.better.endswith(LOOK):
            continue
        twin = BY_NAME[f"{claim.name}_both_looking"]
        assert (twin.better, twin.worse) == (claim.better + LOOK, claim.worse + LOOK)
        assert (twin.column, twin.table, twin.parts, twin.needed, twin.kind) == (
            claim.column,
            claim.table,
            claim.parts,
            claim.needed,
            claim.kind,
        )


def test_every_way_of_training_that_may_come_to_the_same_can_be_called_equal():
    pairs = {(claim.better, claim.worse) for claim in CLAIMS if claim.kind == "better or equal"}
    assert {worse for _, worse in pairs} == {
        name + control for name in ("base.csr", "base.vop", "base.mix") for control in ("", LOOK)
    }


def test_the_fine_grained_gain_is_held_against_every_rival():
    claim = BY_NAME["fine_grained_gains_most"]
    base = dict.fromkeys(["fine-grained perception", "math", "coarse perception"], np.array([50.0, 50.0]))
    gains = {"fine-grained perception": [5.0, 5.0], "math": [1.0, 7.0], "coarse perception": [2.0, -3.0]}
    scores = {("base", name): value for name, value in base.items()}
    scores |= {("base.csr.vop", name): base[name] + gains[name] for name in base}
    parts = {name: list(measure(scores)) for name, measure in claim.parts(claim, scores).items()}
    assert parts == {"against coarse perception": [3.0, 8.0], "against math": [4.0, -2.0]}
    assert claim.count_needed(len(parts)) == 2


def test_each_benchmark_is_left_out_once():
    claim = BY_NAME["gain_without_any_benchmark"]
    scores = {("base", name): np.array([0.0]) for name in BENCHMARKS}
    scores |= {("base.csr.vop", name): np.array([float(number)]) for number, name in enumerate(BENCHMARKS)}
    parts = {name: float(measure(scores)[0]) for name, measure in claim.parts(claim, scores).items()}
    assert parts == {f"without {name}": pytest.approx((21 - number) / 6) for number, name in enumerate(BENCHMARKS)}
    assert claim.count_needed(7) == 7


def test_most_is_four_of_seven():
    claim = BY_NAME["most_benchmarks_gain"]
    assert [claim.count_needed(n) for n in (7, 6, 5)] == [4, 4, 3]
