"""The overlay of a rehearsal changes sizes, and CPU for CUDA; everything else is the scale's."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from viper.config.loading import load, read_run

OVERLAY = Path(__file__).with_name("overlay.yaml")
ABOUT_THE_DEVICE = {"device": "cpu", "dtype": "float32", "precision": "float32"}
SCALES = ("3b", "7b")
# The editor paints at the size of its picture unless it is told another one.
ADDED = {("models", "editor", "arguments", name) for name in ("height", "width")}


def leaves(values: Mapping[str, Any], place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, (*place, key))
        else:
            yield (*place, key), value


def of(scale: Mapping[str, Any], place: tuple[str, ...]) -> Any:
    for key in place:
        scale = scale[key]
    return scale


def is_size(value: Any) -> bool:
    """Whether this is a number, or a list of numbers such as the sizes of pictures."""
    return isinstance(value, int | float) or (isinstance(value, list) and all(map(is_size, value)))


@pytest.fixture(scope="module")
def changed() -> dict[tuple[str, ...], Any]:
    """Every value of the overlay by its place in a scale."""
    tree = yaml.safe_load(OVERLAY.read_text(encoding="utf-8"))
    assert list(tree) == ["scales"]
    assert list(tree["scales"]) == ["3b"], "7b extends it"
    return dict(leaves(tree["scales"]["3b"]))


@pytest.mark.parametrize("scale", SCALES)
def test_it_changes_numbers_and_the_device(changed, scale):
    true = load(scale).model_dump(mode="json")
    for place, value in changed.items():
        if place in ADDED:
            continue
        was = of(true, place)
        if place[-1] in ABOUT_THE_DEVICE:
            assert value == ABOUT_THE_DEVICE[place[-1]]
        else:
            assert is_size(value), place
            assert is_size(was), place
            assert value != was, f"{'.'.join(place)} is no change"


def test_the_table_has_a_row_for_each_change(changed):
    """Its second column has the parameters by name; each row has one that is changed, or none."""
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in OVERLAY.read_text().splitlines() if "|" in line
    ]
    named = [set(row[1].split(", ")) for row in rows[2:] if row[1]]
    assert all(len(row) == 5 for row in rows)
    assert [".".join(place) for place in changed if not any(names & set(place) for names in named)] == []
    there = {key for place in changed for key in place}
    assert [names - there for names in named if names - there] == []


@pytest.mark.parametrize("scale", SCALES)
def test_nothing_else_is_changed(changed, scale):
    true = load(scale).model_dump(mode="json")
    params = read_run([f"scale={scale}"], [OVERLAY])
    rehearsed = params.scales[params.scale].model_dump(mode="json")
    # Phases take over from each other what they do not say themselves.
    keys = {place[-1] for place in changed}
    found, expected = dict(leaves(rehearsed)), dict(leaves(true))
    assert found.keys() - expected.keys() == ADDED
    differ = {place for place in expected if found[place] != expected[place]}
    assert set(changed) - ADDED <= differ
    assert all(place in changed or (place[1] == "phases" and place[-1] in keys) for place in differ)
