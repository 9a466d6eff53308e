"""What git shows of the recorded run is what dvc.lock records, and nothing else."""

import csv
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import yaml

from viper.analysis.verdicts import COLUMNS
from viper.errors import ViperError
from viper.provenance import published

ROOT = Path(__file__).parents[2]
FOLDER = "results/smoke/claims"  # recorded as a whole, the rest file by file
CONTENTS = {
    "results/smoke/claims/claims.csv": "claim,verdict\nfirst,supported\n",
    "results/smoke/claims/claims.md": "# Claims\n\n| claim | verdict |\n|---|---|\n| first | supported |\n",
    "results/smoke/main/main.md": "# Main\n\n| base | 1.0 |\n|---|---|\n",
    "results/smoke/main/subdomains.md": "# Sub-domains\n\n| base | 2.0 |\n|---|---|\n",
    "results/smoke/ablation_x/ablation_x.md": "# X\n\n| base | 3.0 |\n|---|---|\n",
    "results/smoke/main/main.png": "a picture",
    "results/smoke/main/main.rst": "How ``base`` does.\n",
    "results/smoke/main/main.svg": "not shown",
    "results/micro/main/main.md": "# Another scale\n",
    "data/smoke/dataset/base/x.csv": "no result\n",
    "results/smoke/predictions/test/base/x.csv": "answers, no table\n",
}


def test_this_checkout_shows_its_record():
    assert published.stale(ROOT) == []


def test_no_table_of_the_readme_was_typed_by_hand():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {name for _, name, _, _ in published.BLOCK.findall(text)} == {"main", "claims"}
    outside = published.BLOCK.sub("", text)
    assert "[+" not in outside, "an interval outside of the recorded tables"


def test_how_good_the_base_models_are_was_not_typed_by_hand():
    text = (ROOT / "docs/base-models.md").read_text(encoding="utf-8")
    ((_, name, table, _),) = published.BLOCK.findall(text)
    with next((ROOT / "results/recorded").glob("*/*/fidelity.csv")).open(newline="") as file:
        rows = list(csv.reader(file))
    assert name == "fidelity"
    assert len(rows) > 20
    assert [line.strip("| ").split(" | ") for line in table.strip().splitlines()][2:] == rows[1:]
    outside = published.BLOCK.sub("", text).partition("## How good")[2].partition("## What did not work")[0]
    assert not re.search(r"\| *\d", outside), "a number in a table outside of the recorded ones"


def store(root, text, end=""):
    """Put an object into the repository's store; return its name."""
    md5 = hashlib.md5(text.encode()).hexdigest() + end
    place = root / "store/files/md5" / md5[:2] / md5[2:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    return md5


@pytest.fixture
def repository(tmp_path):
    """A repository with a store, a dvc.lock, and a README that wants a table."""
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(["dvc", "init", "--quiet"], cwd=tmp_path, check=True)
    outs, listing = [], []
    for path, text in CONTENTS.items():
        md5 = store(tmp_path, text)
        _, is_in_folder, name = path.partition(f"{FOLDER}/")
        if is_in_folder:
            listing.append({"md5": md5, "relpath": name})
        else:
            outs.append({"path": path, "md5": md5, "hash": "md5"})
    outs.append({"path": FOLDER, "md5": store(tmp_path, json.dumps(listing), ".dir"), "hash": "md5"})
    stage = {"cmd": "snakemake --config scale=smoke -- all"}
    params = {"scales/smoke.yaml": {"seeds": [0, 2]}}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"all": stage}}))
    record = {"schema": "2.0", "stages": {"all": stage | {"params": params, "outs": outs}}}
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump(record))
    (tmp_path / "README.md").write_text("# This\n\n<!-- recorded: main -->\nold\n<!-- end -->\n\nMore.\n")
    return tmp_path


def test_tables_and_pictures_of_the_recorded_scale_are_shown(repository):
    assert published.stale(repository)
    published.publish(repository)
    assert published.stale(repository) == []
    folder = repository / "results/recorded"
    shown = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert shown == {
        name.removeprefix("results/")
        for name in CONTENTS
        if name.startswith("results/smoke") and "svg" not in name and "predictions" not in name
    }
    assert (folder / "smoke/claims/claims.csv").read_text() == CONTENTS["results/smoke/claims/claims.csv"]
    page = (repository / "results/README.md").read_text()
    for part in ("Seeds 0, 2", "| first | supported |", "| base | 1.0 |", "### ablation_x", "How `base` does."):
        assert part in page
    assert "(recorded/smoke/main/main.png)" in page
    assert "| base | 1.0 |" in (repository / "README.md").read_text()
    assert "More." in (repository / "README.md").read_text()


def test_a_scale_that_repeats_the_recorded_one_is_shown_under_its_own_name(repository):
    stages = {"all": {"cmd": "snakemake --config scale=smoke -- all"}}
    stages["micro"] = {"cmd": "snakemake --config scale=micro -- all"}
    (repository / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    (repository / "README.md").write_text(
        "<!-- recorded: main -->\n<!-- end -->\n<!-- recorded: micro/main -->\n<!-- end -->\n"
    )
    again = "# Main\n\n| base | 7.0 |\n|---|---|\n"
    lock = yaml.safe_load((repository / "dvc.lock").read_text())
    for out in lock["stages"]["all"]["outs"]:
        if out["path"] == "results/micro/main/main.md":
            out["md5"] = store(repository, again)
    params = {"scales/micro.yaml": {"seeds": [7, 8]}, "scales/smoke.yaml": {"seeds": [0, 2]}}
    lock["stages"]["micro"] = stages["micro"] | {"params": params, "outs": []}
    (repository / "dvc.lock").write_text(yaml.safe_dump(lock))
    published.publish(repository)
    assert published.stale(repository) == []
    assert (repository / "results/recorded/micro/main/main.md").read_text() == again
    first, _, second = (repository / "README.md").read_text().partition("<!-- end -->")
    assert "| base | 1.0 |" in first
    assert "| base | 7.0 |" in second
    page = (repository / "results/README.md").read_text()
    assert "Seeds 0, 2. " in page
    assert "Seeds 7, 8, and items of its own." in page.partition("## Once more: scale micro")[2]
    assert "### micro/main" in page.partition("## Once more: scale micro")[2]
    (repository / "results/recorded/micro/main/main.md").write_text("by hand")
    assert published.stale(repository) == ["results/recorded/micro/main/main.md"]


@pytest.mark.parametrize(
    "name",
    ["results/recorded/smoke/claims/claims.csv", "results/README.md", "README.md", "results/recorded/smoke/x.md"],
)
def test_an_edit_by_hand_is_noticed(repository, name):
    published.publish(repository)
    with (repository / name).open("a") as file:
        file.write("by hand")
    if name == "README.md":  # outside of the tables it is its author's
        assert published.stale(repository) == []
        text = (repository / name).read_text()
        (repository / name).write_text(text.replace("| base | 1.0 |", "| base | 9.0 |"))
    assert published.stale(repository) == [name]
    published.publish(repository)
    assert published.stale(repository) == []


def test_what_is_no_longer_recorded_is_no_longer_shown(repository):
    published.publish(repository)
    lock = yaml.safe_load((repository / "dvc.lock").read_text())
    lock["stages"]["all"]["outs"] = [out for out in lock["stages"]["all"]["outs"] if "ablation" not in out["path"]]
    (repository / "dvc.lock").write_text(json.dumps(lock))
    assert published.stale(repository) == ["results/recorded/smoke/ablation_x/ablation_x.md"]
    published.publish(repository)
    assert published.stale(repository) == []


def test_claims_of_single_experiments_are_shown_where_all_of_them_are_not_recorded(repository):
    claim = dict.fromkeys(COLUMNS, "") | {"claim": "gains", "text": "It gains", "measured": 3, "low": 1, "high": 5}
    claim |= {"verdict": "supported", "margin": 0, "seeds": 3}
    claim |= {"decided_by": "BLINK"}
    other = claim | {"claim": "falls", "text": "It falls", "verdict": "not supported"}
    outs = []
    for name, rows in (("main", [claim]), ("ablation_x", [claim, other])):
        text = pd.DataFrame(rows, columns=COLUMNS).to_csv(index=False)
        md5 = store(repository, text)
        outs.append({"path": f"results/smoke/{name}/{name}_claims.csv", "md5": md5, "hash": "md5"})
    lock = yaml.safe_load((repository / "dvc.lock").read_text())
    kept = [out for out in lock["stages"]["all"]["outs"] if out["path"] != FOLDER]
    lock["stages"]["all"]["outs"] = kept + outs
    (repository / "dvc.lock").write_text(yaml.safe_dump(lock))
    (repository / "README.md").write_text("<!-- recorded: claims -->\n<!-- end -->\n")
    published.publish(repository)
    for page in ("README.md", "results/README.md"):
        text = (repository / page).read_text()
        assert text.count("| It gains |  | +3.0 (BLINK) | [+1.0, +5.0] | **supported** |") == 1
        assert "| It falls |" in text.partition("| It gains |")[2], "those of main come first"
    assert published.stale(repository) == []


def test_an_unknown_table_and_an_empty_record_are_one_sentence(repository):
    (repository / "README.md").write_text("<!-- recorded: nothing -->\n<!-- end -->\n")
    with pytest.raises(ViperError, match="no recorded table is called 'nothing'; there are: ablation_x, claims, main"):
        published.publish(repository)
    (repository / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"a": {"cmd": "snakemake --config scale=3b -- a"}}}))
    shutil.rmtree(repository / "results")
    with pytest.raises(ViperError, match="records no table of scale 3b"):
        published.publish(repository)
