"""The loop as one function, as commands and as rules: one declaration, the same rows."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from scripted_loop import (
    Album,
    FakeEditor,
    FakePainter,
    FakeVLM,
    make_seed_rows,
    make_shards,
    small_section,
    write_tables,
)
from viper.synthesis.assemble import Shards
from viper.synthesis.commands import register
from viper.synthesis.loop import STEPS, run_loop
from viper.synthesis.rows import read_rows
from viper.synthesis.schemas import SCHEMAS
from viper.workflow.graph import read

LOADERS = {"vlm": "viper.models.vlm.load_vlm", "painter": "viper.models.painter.load_painter",
           "editor": "viper.models.editor.load_editor"}  # fmt: skip


def run_commands(shards: Shards, models: dict, section, *, lineage: str, seed: int) -> None:
    """Each step by its command, as the rules call it; the seed images are there already."""
    app = typer.Typer()
    register(app)
    manifest = Path(shards.path("images", 0)).with_name("manifest.json")
    manifest.write_text("{}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("viper.manifest.model_folder", lambda checkpoint: checkpoint.parent)
        for name, loader in LOADERS.items():
            patch.setattr(loader, lambda *arguments, _name=name: models[_name])
        for step in STEPS:
            arguments = [word for schema in step.reads for word in (f"--{schema.name}", shards.path(schema.name, 0))]
            arguments += ["--out", shards.path(step.makes.name, 0), "--lineage", lineage, "--seed", seed]
            options = {"synthesis": section.model_dump()} if step.has_options else {}
            options |= {"models": {step.model: {"path": "m"}}} if step.model else {}
            arguments += ["--options", json.dumps(options)]
            arguments += ["--checkpoint", manifest] if step.model else []
            arguments += ["--work", manifest.with_name("work")] if step.model in ("painter", "editor") else []
            words = [step.name.replace("_", "-"), *map(str, arguments)]
            CliRunner().invoke(app, words, catch_exceptions=False, standalone_mode=False)


@settings(max_examples=12, deadline=None)
@given(
    drawn=st.integers(0, 2**31),
    count=st.integers(0, 6),
    seed=st.integers(0, 100),
    share=st.sampled_from([0.3, 1.0]),
    broken=st.sampled_from(["", "", "caption", "critique", "refine", "entities"]),
    one_by_one=st.booleans(),
)
def test_one_function_and_single_commands_make_the_same_rows(drawn, count, seed, share, broken, one_by_one):
    album = Album()
    seeds = make_seed_rows(album, np.random.default_rng(drawn), count)
    section = small_section(vop_share=share, edit={"one_by_one": one_by_one, "min_change": 0.01, "max_change": 0.25})
    models = {"vlm": FakeVLM(album, broken), "painter": FakePainter(album), "editor": Hearing(album)}
    tables = run_loop(seeds, *models.values(), section, lineage="base", seed=seed)
    assert list(tables) == list(SCHEMAS)
    with tempfile.TemporaryDirectory() as folder:
        alone = make_shards(Path(folder, "alone"), 1)
        together = make_shards(Path(folder, "together"), 1)
        write_tables(together, 0, tables)
        write_tables(alone, 0, {"images": seeds})
        run_commands(alone, models, section, lineage="base", seed=seed)
        for name, rows in tables.items():
            assert read_rows(alone.path(name, 0)) == read_rows(together.path(name, 0)) == rows
            assert alone.path(name, 0).read_bytes() == together.path(name, 0).read_bytes()


class Hearing(FakeEditor):
    """Carries out joined instructions, too: one after the other."""

    def _edit(self, image, text):
        for sentence in text.split(". "):
            image = super()._edit(image, sentence.rstrip(".") + ".")
        return image


def test_rules_read_and_make_what_is_declared():
    jobs = {job.rule: job for job in read([*SCHEMAS], "smoke").jobs}
    for step in STEPS:
        job = jobs[step.name]
        tables = {name for name in SCHEMAS if any(f"/{name}/seed" in path for path in job.inputs)}
        assert tables == {schema.name for schema in step.reads}
        (made,) = job.outputs
        assert f"/{step.makes.name}/seed" in made
        models = {section for section in job.sections if section.startswith("models.")}
        assert models == ({f"models.{step.model}"} if step.model else set())
        assert any(section.startswith("synthesis.") for section in job.sections) == step.has_options
