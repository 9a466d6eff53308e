"""What is missing is made in the same run, whether or not an `ancient` input stands before it."""

import random

import pytest

from repository import ROOT, Checkout, also_long
from viper.tools import planned_rules, plans_nothing

PATCHED = "from viper.workflow import insides\ninsides.look_behind_ancient()\n"
RULE = """
rule {name}:
    input: {inputs}
    output: "{name}.txt"
    params: given={given}
    shell: "echo {{params.given}} > {{output}}"
"""


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a workflow of toy rules, (name, inputs, parameter) each, and names what ran."""

    def run(rules, target, *options, begin=PATCHED):
        written = "".join(
            RULE.format(name=name, inputs=", ".join(inputs), given=given) for name, inputs, given in rules
        )
        (tmp_path / "Snakefile").write_text(begin + written)
        ran = Checkout(tmp_path).run("snakemake", "--cores", "1", *options, "--", *target, package=ROOT)
        said = ran.stdout + ran.stderr
        return set() if plans_nothing(said) else set(planned_rules(said))

    return run


def chain(given):
    return [("a", [], given), ("b", ['ancient("a.txt")'], 0), ("c", ['"b.txt"'], 0)]


def test_a_job_that_is_tied_by_ancient_alone_is_asked_by_itself(run, tmp_path):
    run(chain(1), ["b.txt"])
    assert run(chain(2), ["c.txt", "a.txt"]) == {"a", "c"}, "a has other parameters, c is missing, b stays"
    assert run(chain(2), ["c.txt", "a.txt"]) == set()
    (tmp_path / "c.txt").unlink()
    assert run(chain(3), ["c.txt", "a.txt"]) == {"a", "c"}
    assert (tmp_path / "c.txt").exists()


def test_snakemake_itself_would_leave_it_out(run, tmp_path):
    """Once this fails, `look_behind_ancient` has had its day."""
    run(chain(1), ["b.txt"])
    assert run(chain(2), ["c.txt", "a.txt"], begin="") == {"a"}
    assert not (tmp_path / "c.txt").exists()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, *also_long(range(2, 6))])
def test_after_a_run_nothing_is_to_do_and_all_is_there(run, tmp_path, seed):
    rng = random.Random(seed)
    inputs = {}
    for number in range(9):
        before = rng.sample(range(number), min(number, rng.randint(0, 3)))
        inputs[f"r{number}"] = [rng.choice(['"r{}.txt"', 'ancient("r{}.txt")']).format(each) for each in before]
    target = [f"r{number}.txt" for number in sorted(rng.sample(range(9), 4))]

    def rules(given):
        return [(name, read, given.get(name, 0)) for name, read in inputs.items()]

    run(rules({}), target)
    for path in tmp_path.glob("r*.txt"):
        if rng.random() < 0.3:
            path.unlink()
    edited = dict.fromkeys([name for name in inputs if rng.random() < 0.3], 1)
    run(rules(edited), target)
    assert all((tmp_path / name).exists() for name in target)
    assert run(rules(edited), target, "--dry-run") == set()
