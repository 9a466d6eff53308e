"""Which files a command uses, and what changes their fingerprint."""

import pytest

from viper.errors import ViperError
from viper.workflow import source


def names(command):
    return {path.relative_to(source.SOURCE).as_posix() for path in source.sources(command)}


def test_a_command_uses_its_own_modules_and_not_those_of_its_neighbours():
    used = names("draw-images")
    assert {"viper/synthesis/world.py", "microworld/draw.py", "microworld/scene.py", "viper/files.py"} <= used
    assert (
        not {f"viper/{name}.py" for name in ("synthesis/steps", "models/vlm", "training/grpo", "config/schema")} & used
    )


def test_prompts_and_data_files_belong_to_what_names_them():
    assert "viper/prompts/micro/caption.jinja" in names("caption-images")
    assert "viper/analysis/published.csv" in names("tables")
    assert not any(name.endswith(".csv") for name in names("draw-images"))


def test_helpers_beside_a_command_count_for_it():
    assert "viper/reward/scoring.py" in names("train")  # imported by a helper of the command


def test_classes_that_a_pipeline_names_in_its_files_count_for_it():
    assert "microworld/base_models/layout_unet.py" in names("reconstruct-images")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of one command and two modules, in which to edit."""
    root = tmp_path / "toy"
    root.mkdir()
    (root / "__init__.py").write_text("")
    (root / "commands.py").write_text(
        "def run():\n    from toy import used\n\n\ndef other():\n    from toy import unused\n"
    )
    (root / "used.py").write_text('"""What it does."""\n\nNUMBER = 1  # one\n')
    (root / "unused.py").write_text("NUMBER = 1\n")
    monkeypatch.setattr(source, "SOURCE", tmp_path)
    monkeypatch.setattr(source, "PACKAGES", ("toy",))
    monkeypatch.syspath_prepend(tmp_path)

    def fingerprint():
        for cached in (
            source.sources,
            source._commands,
            source._functions,
            source._used_by,
            source._tree,
            source._digest,
        ):
            cached.cache_clear()
        import importlib
        import linecache
        import sys

        sys.modules.pop("toy.commands", None)
        linecache.clearcache()
        module = importlib.import_module("toy.commands")
        monkeypatch.setattr(source, "_commands", lambda: {"run": module.run, "other": module.other})
        source._commands.cache_clear = lambda: None
        return source.fingerprint("run")

    return root, fingerprint


@pytest.mark.parametrize(
    ("name", "text", "changes"),
    [
        ("used.py", "NUMBER = 2\n", True),
        ("used.py", '"""Reworded."""\n\n# a comment\nNUMBER   =   1\n', False),
        ("unused.py", "NUMBER = 2\n", False),
    ],
)
def test_only_code_that_is_used_changes_the_fingerprint(package, name, text, changes):
    root, fingerprint = package
    before = fingerprint()
    (root / name).write_text(text)
    assert (fingerprint() != before) is changes


def test_unknown_commands_are_named():
    with pytest.raises(ViperError, match="no command 'nope'"):
        source.fingerprint("nope")


@pytest.mark.parametrize(
    ("shell", "command"),
    [
        ("python -m viper tables --x {input} > {log} 2>&1", "tables"),
        ("OMP_NUM_THREADS={threads} python -m viper evaluate", "evaluate"),
        ("{params.launch:q} train --parent {input.parent:q}", "train"),
        ("python -m viper {params.kind:q} {input:q}", "figure-scores"),
        ("dvc pull {input}", None),
        (None, None),
    ],
)
def test_the_command_is_read_from_the_rule(shell, command):
    assert source.command_of(shell, {"kind": ["figure-scores", "radar"]}) == command
