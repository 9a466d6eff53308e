"""One's own results are set aside, and put back."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from viper.provenance.mine import set_aside

FILES = ("results/toy/loop/loop.csv", "results/toy/loop/audit/base.csv", "results/toy/loop/audit/first/base.csv", "top")
PATHS = (*FILES, "results/toy/loop", "results/toy/loop/audit", "results/toy/loop/audit/first")


@given(paths=st.sets(st.sampled_from(PATHS)))
def test_what_lies_in_a_folder_that_is_moved_goes_with_it(tmp_path_factory, paths):
    """`make pull` stopped where a folder and one below it differed from the recorded ones."""
    root = tmp_path_factory.mktemp("mine")
    for file in FILES:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(file)
    place = set_aside(paths, root)
    moved = {file for file in FILES if paths & {file, *map(str, Path(file).parents)}}
    assert (place is None) == (not paths)
    for file in FILES:
        assert (root / file).exists() == (file not in moved)
        if file in moved:
            assert (root / place / file).read_text() == file
