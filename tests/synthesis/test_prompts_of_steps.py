"""What the steps really ask with is what their fingerprints hold."""

import inspect

import pytest

from microworld.adapters import cold_start as truth
from scripted_loop import filtering_section, make_data_sets, small_section
from viper import prompts
from viper.config.training import ColdStart
from viper.synthesis import assemble, card, steps
from viper.training import cold_start
from viper.workflow.source import sources

STEPS = {"caption", "critique", "refine"}


@pytest.fixture
def asked(monkeypatch):
    """Prompts as they are rendered, set and name, under the step that is running, or else under what the test says."""
    seen: dict[str, set[str]] = {}
    running = [""]

    def spy(prompt_set, name, **fields):
        callers = [frame.function for frame in inspect.stack(context=0)]
        step = next((caller for caller in callers if caller in STEPS), running[0])
        seen.setdefault(step, set()).add(f"{prompt_set}/{name}")
        return prompts.render(prompt_set, name, **fields)

    for module in (steps, assemble, card, truth):
        monkeypatch.setattr(module, "render", spy)
    return seen, running


def held(command):
    return {
        path.relative_to(prompts.FOLDER).with_suffix("").as_posix()
        for path in sources(command, frozenset({"micro"}))
        if path.suffix == ".jinja"
    }


def test_every_prompt_that_is_rendered_is_in_the_fingerprint_of_its_step(run_loop, asked, options, tmp_path):
    seen, running = asked
    construction = {"caption": {"max_new_tokens": 8, "temperature": 1.0}}
    run_loop(section=small_section(critique={"max_new_tokens": 8, "picture": "reconstruction"}, **construction))
    shards, _ = run_loop(section=filtering_section())
    running[0] = "assemble"
    sizes = options.model_copy(update={"csr_size": 7, "vop_size": 3, "allow_fewer": False})
    assemble.assemble(shards, make_data_sets(tmp_path), sizes, lineage="base", seed=3)
    running[0] = "card"
    card.write_card(make_data_sets(tmp_path), tmp_path / "README.md", lineage="base", seed=3)
    running[0] = "cold"
    cold_start.write_samples(ColdStart(source="truth", samples=12), seed=0, out=tmp_path / "cold.parquet")
    assert seen == {
        "caption": held("caption-images"),
        "critique": held("critique-captions"),
        "refine": held("refine-captions"),
        "assemble": held("assemble-datasets"),
        "card": held("write-card"),
        "cold": held("cold-samples"),
    }
