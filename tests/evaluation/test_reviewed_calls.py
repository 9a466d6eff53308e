"""Nothing of VLMEvalKit that could run, unpickle or fetch what data say is given data that nobody read.

The first test walks the source of what our data sets are made of, and holds every dangerous call against a list that
people went through. A new version of VLMEvalKit with another call fails here until it was looked at.
"""

import ast
import inspect
import os
import pickle
import subprocess
from collections import Counter
from importlib import import_module

import pandas as pd
import pytest

from microworld.benchmarks import BENCHMARKS as MICRO
from scripted import Scripted, asking, every, right
from viper.errors import ViperError
from viper.evaluation import kept_files, vlmevalkit
from viper.evaluation.registry import OFFICIAL, scoring
from viper.evaluation.run import evaluate
from viper.evaluation.vlmevalkit import import_vlmeval
from viper.files import write_table
from viper.reading import read_table

MODULES = (
    "inference", "vlm.base", "smp.file", "smp.misc", "smp.vlm", "utils.mp_util", "utils.matching_util",
    "dataset.image_base", "dataset.image_mcq", "dataset.image_vqa", "dataset.image_yorn",
    "dataset.utils.multiple_choice", "dataset.utils.yorn", "dataset.utils.crpe",
)  # fmt: skip
# Calls that run, unpickle, fetch, open or fill in what they are given, and VLMEvalKit's own functions that do.
DANGEROUS = {
    "eval", "exec", "__import__", "import_module", "literal_eval", "system", "popen", "Popen", "run", "call",
    "check_output", "check_call", "load", "loads", "safe_load", "full_load", "Unpickler", "read_pickle", "read_csv",
    "read_excel", "open", "format", "format_map", "Template", "from_string", "urlretrieve", "snapshot_download",
    "toliststr", "istype", "parse_file", "download_file", "mmqa_display", "decode_base64_to_image_file",
    "decode_base64_to_image", "LOCALIZE", "localize_df", "read_ok", "parse_expr", "sympify",
}  # fmt: skip

KEPT = "`load` is that of `kept_files`, which knows nothing but what this evaluation dumped in memory"
REPLACED = "`ReadBefore` stands before it, so it is never called: tables come from `read_benchmark`"
UNPACKED = "its branch for data sets without pictures in cells: `ReadBefore` sets meta_only to False"
NOT_CALLED = "nothing that we use calls it; the test below replaces it by a bomb and evaluates all benchmarks"
TEMPLATE = "the template is a constant, and cells are only put into it"
# function → (its dangerous calls, why they never get data that nobody read)
REVIEWED = {
    "inference.infer_data_api": ({"load": 4}, "only for models with is_api, which ours is not; " + KEPT),
    "inference.infer_data": ({"load": 2}, KEPT),
    "inference.infer_data_job": ({"load": 2, "format": 3}, KEPT + "; formats a path of ours with a number"),
    "vlm.base.BaseModel.preproc_content": ({"parse_file": 2}, "`Checkpoint.preproc_content` stands before it"),
    "vlm.base.BaseModel.message_to_lmdeploy": ({"open": 1}, NOT_CALLED),
    "utils.mp_util.track_progress_rich": ({"load": 1}, KEPT),
    "smp.file.decode_img_omni": ({"toliststr": 2, "decode_base64_to_image_file": 1}, NOT_CALLED),
    "smp.file.MMBenchOfficialServer": ({"load": 2}, NOT_CALLED),
    "smp.file.dump.dump_pkl": ({"open": 1}, "`dump` is that of `kept_files`"),
    "smp.file.dump.dump_json": ({"open": 1}, "`dump` is that of `kept_files`"),
    "smp.file.dump.dump_jsonl": ({"open": 1}, "`dump` is that of `kept_files`"),
    "smp.file.load.load_pkl": ({"load": 1, "open": 1}, KEPT),
    "smp.file.load.load_json": ({"load": 1, "open": 1}, KEPT),
    "smp.file.load.load_jsonl": ({"open": 1, "loads": 1}, KEPT),
    "smp.file.load.load_xlsx": ({"read_excel": 1}, KEPT),
    "smp.file.load.load_csv": ({"read_csv": 1}, KEPT),
    "smp.file.load.load_tsv": ({"read_csv": 1}, KEPT),
    "smp.file.load": ({"download_file": 1}, KEPT),
    "smp.file.download_file": ({"urlretrieve": 1, "download_file": 1}, NOT_CALLED),
    "smp.file.mrlines": ({"open": 1}, NOT_CALLED),
    "smp.file.mwlines": ({"open": 1}, NOT_CALLED),
    "smp.file.md5": ({"open": 1}, "hashes"),
    "smp.file.parse_file": ({"decode_base64_to_image_file": 1, "parse_file": 1, "download_file": 1}, NOT_CALLED),
    "smp.file._prediction_table": ({"load": 1}, NOT_CALLED),
    "smp.file._load_run_status_for_reuse": ({"load": 1}, NOT_CALLED),
    "smp.misc.istype": ({"eval": 1}, NOT_CALLED),
    "smp.misc.toliststr": ({"eval": 1}, NOT_CALLED),
    "smp.misc._minimal_ext_cmd": ({"Popen": 1}, "a constant command, for a version of git"),
    "smp.misc.youtube_dl": ({"system": 1}, NOT_CALLED),
    "smp.misc.run_command": ({"check_output": 1}, NOT_CALLED),
    "smp.misc.pip_install_robust": ({"__import__": 1, "check_call": 1}, NOT_CALLED),
    "smp.misc.get_gpu_memory": ({"check_output": 1}, "a constant command"),
    "smp.vlm.concat_images_vlmeval": ({"open": 1}, "only for models without INTERLEAVE, which ours has"),
    "smp.vlm.mmqa_display": ({"eval": 2, "decode_base64_to_image": 1}, NOT_CALLED),
    "smp.vlm.encode_image_file_to_base64": ({"open": 1}, NOT_CALLED),
    "smp.vlm.decode_base64_to_image": ({"open": 1}, NOT_CALLED),
    "smp.vlm.decode_base64_to_image_file": ({"decode_base64_to_image": 1}, NOT_CALLED),
    "smp.vlm.read_ok": ({"open": 1}, NOT_CALLED),
    "dataset.image_base.ImageBaseDataset.__init__": ({"toliststr": 2, "istype": 1}, REPLACED),
    "dataset.image_base.ImageBaseDataset.prepare_tsv": ({"download_file": 2, "LOCALIZE": 1, "load": 1}, REPLACED),
    "dataset.image_base.ImageBaseDataset.dump_image": (
        {"read_ok": 5, "decode_base64_to_image_file": 3, "toliststr": 1}, REPLACED),
    "dataset.image_base.ImageBaseDataset.display": ({"mmqa_display": 1}, NOT_CALLED),
    "dataset.image_base.ImageBaseDataset.build_prompt": ({"toliststr": 1}, UNPACKED),
    "dataset.image_base.ImageBaseDataset.report_judge_err": ({"load": 1}, NOT_CALLED),
    "dataset.image_mcq.ImageMCQDataset.build_prompt": ({"toliststr": 1}, UNPACKED),
    "dataset.image_mcq.ImageMCQDataset.evaluate_heuristic": ({"load": 7}, KEPT),
    "dataset.image_mcq.ImageMCQDataset.evaluate_verifier": ({"load": 1}, "only with use_verifier, which we leave out"),
    "dataset.image_mcq.ImageMCQDataset.evaluate_verifier.report_acc_verifier": ({"load": 1}, "the same"),
    "dataset.image_mcq.MMERealWorld.load_data": (
        {"eval": 1, "snapshot_download": 1, "LOCALIZE": 1, "load": 1},
        REPLACED + "; what it evaluates, `read_list` reads"),
    "dataset.image_mcq.MMERealWorld.load_data.generate_tsv": ({"open": 1, "load": 1}, REPLACED),
    "dataset.image_mcq.MMERealWorld.build_prompt": ({"toliststr": 1}, UNPACKED),
    "dataset.image_mcq.MMERealWorld.evaluate": ({"load": 2}, KEPT),
    "dataset.image_vqa.CRPE.evaluate": ({"load": 1}, KEPT),
    "dataset.image_yorn.ImageYORNDataset.evaluate": ({"load": 3}, KEPT),
    "dataset.utils.multiple_choice.build_prompt": ({"format": 1}, TEMPLATE),
    "dataset.utils.multiple_choice.build_prompt_wemath": ({"format": 1}, TEMPLATE),
    "dataset.utils.multiple_choice.build_prompt_blink": ({"format": 1}, TEMPLATE),
    "dataset.utils.multiple_choice.build_prompt_cn": ({"format": 1}, TEMPLATE),
    "dataset.utils.multiple_choice.build_prompt_LEGO": ({"format": 1}, TEMPLATE),
    "dataset.utils.multiple_choice.mcq_vanilla_eval": ({"load": 2}, KEPT),
    "dataset.utils.multiple_choice.mcq_circular_eval": (
        {"load": 3, "istype": 1}, "only for names with mmbench, ccbench, mmcr or circular in them"),
    "dataset.utils.multiple_choice.get_dimension_rating": ({"load": 1}, KEPT),
    "dataset.utils.yorn.AMBER_rating": ({"load": 1}, KEPT),
    "dataset.utils.yorn.MME_rating": ({"load": 1}, KEPT),
    "dataset.utils.yorn.Hallusion_rating": ({"load": 1}, KEPT),
    "dataset.utils.yorn.POPE_rating": ({"load": 1}, KEPT),
    "dataset.utils.yorn.VSR_rating": ({"load": 1}, KEPT),
    "dataset.utils.yorn.default_rating": ({"load": 1}, KEPT),
    "dataset.utils.yorn.YOrN_match_prompt": ({"format": 1}, TEMPLATE),
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def vlmeval():
    """VLMEvalKit's modules can be imported."""
    import_vlmeval()


def our_classes():
    """The classes of all benchmarks, as they are built."""
    return {vlmevalkit.dataset_class(type(scoring(name))) for name in (*MICRO, *OFFICIAL)}


def is_ours(module, name: str) -> bool:
    """Whether a class of a module is among what our data sets and our model are made of."""
    from vlmeval.vlm.base import BaseModel

    made_of = {base for known in our_classes() for base in known.__mro__} | {BaseModel}
    return getattr(module, name, None) in made_of


def dangerous_calls(source: str, is_used) -> dict[str, Counter]:
    """Function, as a.b.c within its module → its dangerous calls; classes that `is_used` denies are left out."""
    found: dict[str, Counter] = {}

    def visit(node: ast.AST, where: tuple[str, ...]) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef) and not where and not is_used(child.name):
                continue
            if isinstance(child, ast.Call):
                name = getattr(child.func, "id", getattr(child.func, "attr", None))
                if name in DANGEROUS:
                    found.setdefault(".".join(where), Counter())[name] += 1
            named = isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            visit(child, (*where, child.name) if named else where)

    visit(ast.parse(source), ())
    return found


def test_every_dangerous_call_was_reviewed():
    found = {}
    for name in MODULES:
        module = import_module(f"vlmeval.{name}")
        calls = dangerous_calls(inspect.getsource(module), lambda of, module=module: is_ours(module, of))
        found |= {f"{name}.{function}".removesuffix("."): dict(counts) for function, counts in calls.items()}
    expected = {function: calls for function, (calls, why) in REVIEWED.items() if why}
    assert found == expected


def test_the_walk_sees_what_it_should():
    source = "class Used:\n def f(self):\n  x = eval(y)\n  os.system(y)\nclass Other:\n def f(self): exec(y)\nexec(z)\n"
    found = dangerous_calls(source, lambda name: name == "Used")
    assert found == {"Used.f": Counter(eval=1, system=1), "": Counter(exec=1)}


def test_every_module_of_our_classes_is_walked_and_its_files_are_kept():
    from vlmeval.smp import file

    used = {base.__module__ for known in our_classes() for base in known.__mro__}
    assert {name for name in used if name.startswith("vlmeval.")} <= {f"vlmeval.{name}" for name in MODULES}
    holding = {name for name in MODULES if vars(import_module(f"vlmeval.{name}")).get("load") is file.load}
    assert {f"vlmeval.{name}" for name in holding} - {"vlmeval.smp.file"} <= set(kept_files.MODULES)


@pytest.fixture
def bombs(monkeypatch):
    """Whatever was reviewed as not called raises, as does whatever runs code, unpickles or fetches."""
    from vlmeval.smp import file, misc, vlm

    def bomb(name):
        def explode(*_, **__):
            raise AssertionError(f"{name} was called")

        return explode

    for module, names in {
        file: ("pickle", "parse_file", "download_file", "decode_img_omni", "load", "_prediction_table"),
        misc: ("toliststr", "istype", "run_command", "youtube_dl"),
        vlm: ("mmqa_display", "decode_base64_to_image", "decode_base64_to_image_file", "read_ok"),
    }.items():
        for name in names:
            for holder in [import_module(f"vlmeval.{each}") for each in MODULES]:
                if vars(holder).get(name) is vars(module)[name] and holder is not module:
                    monkeypatch.setattr(holder, name, bomb(name))
            monkeypatch.setattr(module, name, bomb(name))
    for holder in [import_module(f"vlmeval.{each}") for each in MODULES]:
        monkeypatch.setattr(holder, "eval", bomb("eval"), raising=False)
        monkeypatch.setattr(holder, "exec", bomb("exec"), raising=False)
    # Not the builtins eval and exec, by which Python itself makes named tuples and imports modules.
    for holder, names in ((pickle, ("load", "loads")), (pd, ("read_csv", "read_pickle")), (os, ("system",))):
        for name in names:
            monkeypatch.setattr(holder, name, bomb(name))
    monkeypatch.setattr(subprocess, "Popen", bomb("Popen"))


class Says:
    """A VLM that says one thing."""

    def __init__(self, said):
        self.said = said

    def answer(self, chats, *, max_new_tokens, temperature=0.0, seeds=()):
        return [self.said] * len(chats)


def test_an_evaluation_runs_none_of_it(files, questions, bombs):
    results = evaluate(Scripted(every(questions), right), list(files.values()), asking())
    assert {result.score for result in results.values()} == {100}


@pytest.mark.parametrize("name", MICRO)
def test_code_in_any_text_of_a_benchmark_and_in_answers_stays_text(name, files, tmp_path):
    """In every column at once: what a class must be able to read goes before the code."""
    target, path = tmp_path / "ran", tmp_path / f"{name}.tsv"
    code = f"[open({str(target)!r}, 'w')]"
    table = read_table(files[name])
    for column in set(table.columns) - {"index", "image", "category"}:
        table[column] = code
    if name not in ("MicroHighRes", "MicroCRPE"):
        table["category"] = code
    table = table.assign(hint=code, split=code, options=code, prediction=code, hit=code, log=code, extra=code)
    write_table(path, table)
    result = evaluate(Says(code), [path], asking())[name]
    assert set(result.items["question"]) == {code}
    assert not target.exists()
    for column in ("index", "image"):
        write_table(path, table.assign(**{column: code}))
        with pytest.raises(ViperError, match=f"row 1, column {column}: "):
            evaluate(Says(code), [path], asking())
    assert not target.exists()
