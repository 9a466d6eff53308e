"""Cutting a graph into stages: who owns what, what crosses the boundaries."""

import shutil
from dataclasses import replace

import pytest
import yaml

from repository import ROOT
from viper.config.yaml_file import read_yaml
from viper.errors import ViperError
from viper.layout import DATA, MODELS
from viper.provenance import dvc_yaml
from viper.provenance.stages import Stage, chosen, is_kept, stages, whole
from viper.workflow.graph import Graph, Job, from_json, to_json
from viper.workflow.source import SOURCE

VLM = "models/toy/pretrained/vlm/manifest.json"
LISTING = "store/files/md5/66/models.dir"
SECTIONS = ("training", "analysis", "synthesis", "models", "reward", "evaluation", "experiments")
KEYS = {"scales": {"toy": {"images": {"number": 3}, **{name: {} for name in SECTIONS}, "seeds": [0]}}}


def job(rule, inputs, outputs, sections=()):
    return Job(rule, f"rules/{rule}.smk", tuple(inputs), tuple(outputs), sections)


@pytest.fixture
def graph():
    """Seeds → data → two trained lineages, one of which two experiments share."""
    seeds = [f"data/toy/images/seed0/shard{shard}.parquet" for shard in range(2)]
    data = "data/toy/dataset/base/seed0/csr/train.parquet"
    csr, vop = (f"models/toy/{name}/seed0/manifest.json" for name in ("base.csr", "base.csr.vop"))
    tables = ["results/toy/main/main.csv", "results/toy/ablation/ablation.csv"]
    jobs = [
        job("draw_images", [], seeds, ("images",)),
        job("assemble_datasets", seeds, [data]),
        job("fetch_pretrained", ["models/toy/pretrained.dvc"], [VLM]),
        job("train", [VLM, data], [csr], ("training",)),
        job("train", [csr, data], [vop], ("training",)),
        job("tables", [csr], tables[:1], ("analysis",)),
        job("new_rule", [csr, vop], tables[1:], None),
    ]
    targets = {"images": seeds, "main": tables[:1], "ablation": tables[1:], "all": tables}
    return Graph(tuple(jobs), {name: tuple(files) for name, files in targets.items()})


def cut(graph, names):
    return {stage.name: stage for stage in stages(graph, names, "toy", KEYS, {"models/toy/pretrained": LISTING})}


def test_what_two_targets_need_belongs_to_the_first(graph):
    found = cut(graph, ["images", "main", "ablation", "all"])
    assert found["main"].rules == ("assemble_datasets", "tables", "train")
    assert found["ablation"].rules == ("new_rule", "train")
    assert found["all"].outs == ()
    outs = [out for stage in found.values() for out in stage.outs]
    assert len(outs) == len(set(outs))


def test_deps_are_the_outs_of_other_stages_and_the_stored_models(graph):
    found = cut(graph, ["images", "main", "ablation"])
    data = [dep for dep in found["main"].deps if not dep.startswith(("src/", "rules/", "Snakefile"))]
    assert data == ["data/toy/images", LISTING]
    assert "models/toy/base.csr" in found["ablation"].deps
    assert "models/toy/base.csr" in found["main"].outs


@pytest.fixture
def kept(graph):
    """The same with targets that only keep data and checkpoints, so that the experiments' own are of results."""
    csr, vop = (f"models/toy/{name}/seed0/manifest.json" for name in ("base.csr", "base.csr.vop"))
    data = ["data/toy/dataset/base/seed0/csr/train.parquet"]
    curves = "results/toy/metrics/base.csr/seed0/train.csv"
    jobs = [replace(each, outputs=(csr, curves)) if each.outputs == (csr,) else each for each in graph.jobs]
    targets = {"images": graph.targets["images"], "dataset": data, "train_main": [csr], "train_ablation": [vop]}
    return Graph(tuple(jobs), targets | graph.targets)


def test_a_stage_of_results_depends_on_nothing_that_may_be_out_of_reach(kept):
    names = ["images", "dataset", "train_main", "main", "train_ablation", "ablation", "all"]
    sections = ("synthesis", "reward", "models", "experiments", "evaluation")
    keys = {"scales": {"toy": KEYS["scales"]["toy"] | {key: {} for key in sections}}}
    cuts = stages(kept, names, "toy", keys, {"models/toy/pretrained": LISTING})
    found = {stage.name: stage for stage in cuts}
    for name in ("main", "ablation", "all"):
        assert all(out.startswith("results/") for out in found[name].outs), name
        assert not [dep for dep in found[name].deps if dep.startswith(("data/", "models/"))], name
    # … but on what is behind it: the stored models, and the sections and sources of every rule on the way
    assert LISTING in found["main"].deps
    assert {"rules/draw_images.smk", "rules/train.smk", "rules/tables.smk"} <= set(found["main"].deps)
    assert {"scales.toy.images", "scales.toy.training", "scales.toy.analysis"} <= set(found["main"].params)
    # What training makes is in two stages: the curves are kept, the checkpoint is not.
    assert found["train_main"].outs == ("models/toy/base.csr",)
    assert "results/toy/metrics" in found["main"].outs
    assert "data/toy/dataset" in found["train_main"].deps


@pytest.mark.parametrize("name", read_yaml(ROOT / "dvc.yaml")["stages"])
def test_no_recorded_stage_of_results_needs_what_may_be_out_of_reach(name):
    """Else `dvc repro` of it would begin with the synthesis, after a pull that says that all is as recorded."""
    stage = read_yaml(ROOT / "dvc.yaml")["stages"][name]
    kept = [is_kept(out) for outs in stage.get("outs", []) for out in ([outs] if isinstance(outs, str) else outs)]
    assert len(set(kept)) <= 1, "results, or what is too large for git"
    if any(kept):
        assert not [dep for dep in stage["deps"] if dep.startswith((f"{DATA}/", f"{MODELS}/"))]


def test_checkpoints_and_results_are_folders_whatever_the_number_of_seeds(graph):
    stage = cut(graph, ["images", "main", "ablation"])["ablation"]
    assert stage.outs == ("models/toy/base.csr.vop", "results/toy/ablation")
    assert stage.files == ("models/toy/base.csr.vop/seed0/manifest.json", "results/toy/ablation/ablation.csv")


def test_a_table_in_a_folder_of_two_stages_is_a_file_with_its_record(graph):
    jobs = [
        replace(each, outputs=("results/toy/main/more.csv",)) if each.rule == "new_rule" else each
        for each in graph.jobs
    ]
    targets = graph.targets | {"ablation": ("results/toy/main/more.csv",)}
    outs = cut(Graph(tuple(jobs), targets), ["images", "main", "ablation"])["ablation"].outs
    files = ("results/toy/main/more.csv", "results/toy/main/more.csv.provenance.json")
    assert outs == ("models/toy/base.csr.vop", *files)


def test_stored_models_are_nobodys_outs(graph):
    outs = [out for stage in cut(graph, ["images", "main", "ablation"]).values() for out in stage.outs]
    assert not [out for out in outs if out.startswith("models/toy/pretrained")]


def test_params_are_the_sections_of_the_rules_or_the_whole_scale(graph):
    found = cut(graph, ["images", "main", "ablation"])
    assert found["images"].params == ("scales.toy.images", "scales.toy.seeds")
    everything = tuple(sorted(f"scales.toy.{section}" for section in KEYS["scales"]["toy"]))
    assert found["ablation"].params == everything  # new_rule names none


def test_params_are_named_with_their_file(graph):
    keys = {"scales": {"params": {"analysis": {"seed": 0}}, "toy": {"extends": "params", **KEYS["scales"]["toy"]}}}
    keys["scales"]["toy"]["pretraining"] = {"checker": {}}
    found = {stage.name: stage for stage in stages(graph, ["images", "ablation"], "toy", keys)}
    content = yaml.safe_load(dvc_yaml.text(list(found.values())))["stages"]
    assert content["images"]["params"] == [{"scales/toy.yaml": ["extends", "images", "seeds"]}]
    own = [*sorted(["extends", *KEYS["scales"]["toy"]])]
    assert content["ablation"]["params"] == [
        "analysis", {"scales/toy-pretraining.yaml": None}, {"scales/toy.yaml": own}
    ]  # fmt: skip


def test_targets_stand_for_what_they_consist_of():
    names = ["images", "train_main", "evaluate_main", "main", "all", "train_needle", "needle", "open_questions"]
    names += ["archive_again", "again"]  # a scale that repeats this one
    planned = [Stage(name, "toy", name, "", (), (), (), (), ()) for name in names]

    def of(*targets):
        return [stage.name for stage in chosen(planned, targets)]

    assert of() == names
    assert of("main") == ["train_main", "evaluate_main", "main"]
    assert of("all") == names[:5]
    assert of("open_questions") == names[5:8]
    assert of("again") == names[8:]
    assert of("needle", "images") == ["images", "train_needle", "needle"]
    with pytest.raises(ViperError, match="no stage 'mian': choose among images, train_main"):
        of("mian")


def test_a_scale_that_repeats_another_is_two_stages_of_its_name(kept):
    graph = Graph(kept.jobs, kept.targets | {"archive": tuple(kept.targets["train_ablation"])})
    archive, results = whole(graph, "toy", KEYS, {"models/toy/pretrained": LISTING})
    assert [(each.name, each.scale, each.target) for each in (archive, results)] == [
        ("archive_toy", "toy", "archive"), ("toy", "toy", "all")
    ]  # fmt: skip
    written = yaml.safe_load(dvc_yaml.text([archive, results]))["stages"]
    assert written["toy"]["cmd"] == "snakemake --config scale=toy -- all"
    assert {"models/toy/base.csr", "models/toy/base.csr.vop", "data/toy/dataset"} <= set(archive.outs)
    assert not any(map(is_kept, archive.outs))
    assert all(map(is_kept, results.outs))
    assert {"results/toy/main", "results/toy/ablation"} <= set(results.outs)
    assert LISTING in results.deps
    assert not [dep for dep in results.deps if dep.startswith(("data/", "models/"))]


def test_a_scale_that_repeats_another_is_not_called_as_a_stage_is(tmp_path):
    shutil.copytree(ROOT / "scales", tmp_path / "scales")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "scales/claims.yaml").write_text("extends: micro\nreplicates: micro\nseeds: [9]\n")
    with pytest.raises(ViperError, match=r"scales/claims.yaml: a stage of dvc.yaml has that name already: rename"):
        dvc_yaml.plan(tmp_path, "micro")


def test_a_missing_target_is_named(graph):
    with pytest.raises(ViperError, match="no rule 'evaluation'"):
        cut(graph, ["images", "evaluation"])


def test_small_outs_lie_in_the_repository_and_large_ones_in_the_archive(graph):
    text = dvc_yaml.text(list(cut(graph, ["images", "main", "ablation"]).values()))
    outs = yaml.safe_load(text)["stages"]["ablation"]["outs"]
    assert outs[0] == {"models/toy/base.csr.vop": {"persist": True, "remote": "archive"}}
    assert outs[1] == {"results/toy/ablation": {"persist": True}}


def test_differences_say_what_is_missing(graph):
    new = yaml.safe_load(dvc_yaml.text(list(cut(graph, ["images", "main", "ablation"]).values())))
    old = yaml.safe_load(dvc_yaml.text(list(cut(graph, ["images", "main"]).values())))
    assert dvc_yaml._differences(old, new) == ["stage ablation is missing: the graph has a target of that name"]
    del new["stages"]["ablation"]["outs"][0]
    lines = dvc_yaml._differences(new, yaml.safe_load(yaml.safe_dump(new | {"stages": new["stages"] | {}})))
    assert lines == []
    whole = yaml.safe_load(dvc_yaml.text(list(cut(graph, ["images", "main", "ablation"]).values())))
    assert dvc_yaml._differences(new, whole)[0].startswith("stage ablation lacks the out models/toy/base.csr.vop")


def test_a_graph_survives_json(graph):
    assert from_json(to_json(graph)).targets == graph.targets
    assert from_json(to_json(graph)).jobs == graph.jobs


@pytest.mark.parametrize(
    ("stage", "prompts"),
    [
        ("images", []),
        ("captions", ["micro/caption"]),
        ("reconstructions", []),
        ("critiques", ["micro/caption", "micro/critique"]),
        ("refinements", ["micro/caption", "micro/entities", "micro/refine"]),
        ("dataset", ["cards/dataset", "micro/csr", "micro/vop"]),
        ("train_main", []),
    ],
)
def test_stages_name_the_prompts_that_they_ask_with_each_by_its_file(stage, prompts):
    deps = yaml.safe_load((SOURCE.parent / "dvc.yaml").read_text())["stages"][stage]["deps"]
    folder = "src/viper/prompts"
    assert folder not in deps
    found = [dep for dep in deps if dep.startswith(folder) and not dep.endswith("__init__.py")]
    assert found == [f"{folder}/{prompt}.jinja" for prompt in prompts]
