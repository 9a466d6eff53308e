"""`python -m viper why` on a recorded run of cheap rules: what would run is what runs, and nothing runs to say so."""

import pytest

pytestmark = pytest.mark.slow


def said(repository, *arguments):
    """Step → why, as the command prints it."""
    lines = repository.run("viper", "why", *arguments).stdout.splitlines()
    place = lines[0].index("because")
    return {line.split()[0]: line[place:].strip() for line in lines[1:]}


def state(repository):
    """When each file of data, models and results was written."""
    folders = [repository.root / name for name in ("data", "models", "results")]
    return {path: path.stat().st_mtime_ns for folder in folders for path in folder.rglob("*") if path.is_file()}


def test_edits_are_named_and_nothing_runs(toy):
    before = state(toy)
    assert "main: nothing to be done at scale smoke" in toy.run("viper", "why", "main").stdout
    toy.edit("src/viper/prompts/micro/caption.jinja", "\n", " now\n")
    steps = said(toy, "main")
    assert steps["caption_images"] == "prompt micro/caption"
    assert steps["reconstruct_images"] == "after caption_images"
    assert steps["critique_captions"] == "prompt micro/caption"  # a further caption is asked for
    assert "draw_images" not in steps
    assert "cold_samples" not in steps
    assert set(steps) - {"all"} == toy.plan_of("main") - {"main"}
    toy.set("synthesis.caption.temperature", 0.123)
    toy.edit("src/viper/analysis/bootstrap.py", "import numpy as np\n", "import numpy as np\n\nEDITED = 1\n")
    (toy.root / "results/smoke/main/main.png").unlink()
    steps = said(toy, "main", "--scale", "smoke")
    assert steps["caption_images"].startswith("synthesis.caption.temperature ")
    assert steps["caption_images"].endswith(" → 0.123; prompt micro/caption")
    assert "code viper/analysis/bootstrap.py" in steps["tables"]
    assert steps["figure_main"] == "missing; code viper/analysis/bootstrap.py"
    assert set(before) - set(state(toy)) == {toy.root / "results/smoke/main/main.png"}
    assert state(toy).items() <= before.items()


def test_hours_are_those_of_the_run_and_of_other_parameters_those_of_the_rates(toy):
    (toy.root / "results/smoke/main/main.png").unlink()
    lines = toy.run("viper", "why", "main").stdout.splitlines()
    assert "measured" in next(line for line in lines if line.split()[0] == "figure_main")
    config = '{"seeds": [5]}'
    lines = toy.run("viper", "why", "main", "--config", f'{{"scales": {{"smoke": {config}}}}}').stdout.splitlines()
    assert "estimate" in next(line for line in lines if line.split()[0] == "all")


def test_pulled_files_without_a_record_stop_it_as_they_stop_a_run(toy_clone):
    toy_clone.run("dvc", "pull", "--quiet", "--remote", "store", "--allow-missing", check=False)
    result = toy_clone.run("viper", "why", "main", check=False)
    assert result.returncode == 2
    assert "came from the DVC cache" in result.stderr
