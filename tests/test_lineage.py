"""A lineage's name says its parent, its phase, and who synthesized its data."""

import pytest

from viper.errors import ViperError
from viper.lineage import is_trained, parse, split_control, variant_of

PHASES = {"csr": ["csr"], "vop": ["vop"], "mix": ["csr", "vop"], "sft": ["csr", "vop"], "cold": ["cold"]}


@pytest.mark.parametrize(
    ("name", "parent", "phase", "data_lineage", "generation"),
    [
        ("base.csr", "base", "csr", "base", 1),
        ("base.csr.vop", "base.csr", "vop", "base", 1),
        ("base.mix", "base", "mix", "base", 1),
        ("base.cold.csr.vop", "base.cold.csr", "vop", "base", 1),
        ("base.csr.vop.csr", "base.csr.vop", "csr", "base.csr.vop", 2),
        ("base.csr.vop.csr.vop", "base.csr.vop.csr", "vop", "base.csr.vop", 2),
        ("base.csr.vop.csr.vop.csr.vop", "base.csr.vop.csr.vop.csr", "vop", "base.csr.vop.csr.vop", 3),
        ("base~truth.vop", "base~truth", "vop", "base~truth", 1),
        ("base~truth.csr.vop.csr", "base~truth.csr.vop", "csr", "base~truth.csr.vop", 2),
        ("base.csr.csr", "base.csr", "csr", "base.csr", 2),
        ("base.mix.vop", "base.mix", "vop", "base.mix", 2),
        ("base.cold.csr.vop.csr", "base.cold.csr.vop", "csr", "base.cold.csr.vop", 2),
    ],
)
def test_parts(name, parent, phase, data_lineage, generation):
    lineage = parse(name, PHASES, ["truth"])
    assert lineage.stages[-1] == name
    assert (lineage.parent, lineage.phase, lineage.data_lineage, lineage.generation) == (
        parent,
        phase,
        data_lineage,
        generation,
    )
    assert str(lineage) == name


def test_base_has_neither_parent_nor_phase():
    base = parse("base", PHASES)
    assert base.is_base
    assert (base.generation, base.data_lineage) == (0, "base")
    with pytest.raises(ViperError, match="no parent"):
        _ = base.parent
    with pytest.raises(ViperError, match="no phase"):
        _ = base.phase


def test_unknown_phase_names_the_known_ones():
    with pytest.raises(ViperError, match=r"'base.csr.vob'.*'vob'.*csr, vop, mix, sft, cold"):
        parse("base.csr.vob", PHASES)


@pytest.mark.parametrize("name", ["", "csr.base", "base.", "base..csr", "Base.csr"])
def test_malformed_names_are_refused(name):
    with pytest.raises(ViperError):
        parse(name, PHASES)


def test_a_control_is_no_part_of_the_checkpoint():
    assert split_control("base.csr+look") == ("base.csr", "look")
    assert split_control("base.csr") == ("base.csr", "")


def test_only_what_is_trained_differs_between_seeds():
    names = ["base", "base+look", "base.csr", "base.csr+look"]
    assert [name for name in names if is_trained(name)] == ["base.csr", "base.csr+look"]


def test_a_variant_is_known_and_trains_nothing_by_itself():
    with pytest.raises(ViperError, match=r"unknown variant 'truth'; known variants: none"):
        parse("base~truth.vop", PHASES)
    with pytest.raises(ViperError, match="unknown variant ''"):
        parse("base~.vop", PHASES, ["truth"])
    assert not is_trained("base~truth+look")
    assert is_trained("base~truth.vop+look")
    assert (variant_of("base~truth.vop+look"), variant_of("base.vop"), variant_of("base")) == ("truth", "", "")


@pytest.mark.parametrize(
    ("name", "parent", "data_lineage", "generation"),
    [
        ("base.stay", "base", "base", 1),
        ("base.mix.stay", "base.mix", "base", 1),
        ("base.mix.stay.stay", "base.mix.stay", "base", 1),
        ("base~truth.mix.stay", "base~truth.mix", "base~truth", 1),
        ("base.mix.mix.stay", "base.mix.mix", "base", 2),
        ("base.mix.stay.mix", "base.mix.stay", "base.mix.stay", 2),
    ],
)
def test_a_phase_of_the_first_generations_data_has_them_wherever_it_stands(name, parent, data_lineage, generation):
    lineage = parse(name, PHASES | {"stay": ["csr", "vop"]}, ["truth"], ["stay"])
    assert (lineage.parent, lineage.data_lineage, lineage.generation) == (parent, data_lineage, generation)
