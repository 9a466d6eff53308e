"""What lies in place of a folder that the rules make is found before anything is planned."""

import pytest

from viper.provenance.obstacles import in_the_way


@pytest.mark.parametrize("top", ["data", "models", "results", "work", "logs", "benchmarks"])
@pytest.mark.parametrize("below", [[], ["toy"]])
def test_a_file_or_a_broken_link_in_place_of_a_folder_is_named(tmp_path, top, below):
    assert in_the_way("toy", tmp_path) == []
    place = tmp_path.joinpath(top, *below)
    place.parent.mkdir(exist_ok=True)
    for make in (place.touch, lambda: place.symlink_to(tmp_path / "nowhere")):
        make()
        assert in_the_way("toy", tmp_path) == ["/".join([top, *below])]
        place.unlink()
    (tmp_path / "disk").mkdir()
    place.symlink_to(tmp_path / "disk")  # a folder on another disk is one
    assert in_the_way("toy", tmp_path) == []
