"""What our code, the calls of TRL that it relies on, and both stand-ins take vLLM to be, held to vLLM's source.

One stands in where a test looks at what vLLM is given, the other where a scale is rehearsed whole.

vLLM runs on GPUs only, but its wheel can be read: every name, argument and default is looked up in the syntax trees of
its modules. docs/paper-scale.md, "vLLM", says how to get the wheel; without it the tests of this file are skipped.
"""

import ast
import os
import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from zipfile import ZipFile

import pytest
import trl
from transformers import Qwen2_5_VLForConditionalGeneration

import pretended_vllm
from viper.config.training import MOST_AT_ONCE
from viper.fit import inference
from viper.models import engine, vllm

ROOT = Path(__file__).parents[2]
PINNED = re.search(r"^vllm==(.+)$", (ROOT / "envs" / "cuda.txt").read_text(), re.MULTILINE)[1]
TRL = Path(trl.__file__).parent
OURS, TRLS = Path(vllm.__file__), TRL / "generation" / "vllm_generation.py"
STANDINS = {
    "tests": Path(pretended_vllm.__file__),
    "rehearsal": ROOT / "tests" / "rehearsal" / "stand_ins" / "vllm" / "__init__.py",
}


def find_wheel() -> Path | None:
    """The wheel of the pinned version: what VIPER_VLLM_WHEEL names, a file or its folder, else below cache/wheels."""
    place = Path(os.environ.get("VIPER_VLLM_WHEEL") or ROOT / "cache" / "wheels")
    files = [place] if place.is_file() else sorted(place.glob("*.whl"))
    return next((path for path in files if path.name.startswith(f"vllm-{PINNED}-")), None)


WHEEL = find_wheel()
needs_wheel = pytest.mark.skipif(
    WHEEL is None,
    reason=f"vLLM's wheel is not at hand: pip download --no-deps vllm=={PINNED} -d cache/wheels (315 MB), or set "
    "VIPER_VLLM_WHEEL to where it is",
)


# Reading the wheel


@cache
def module(name: str) -> ast.Module:
    """The syntax tree of a module of the wheel, such as "entrypoints/llm"."""
    with ZipFile(WHEEL) as wheel:
        return ast.parse(wheel.read(f"vllm/{name}.py"))


def find(name: str, place: str) -> ast.AST:
    """A class or function of a module, or one in a class: "LLM", "LLM.generate".

    Raises:
        LookupError: there is none.
    """
    node = module(name)
    for part in place.split("."):
        kinds = (ast.ClassDef, ast.FunctionDef)
        node = next((each for each in node.body if isinstance(each, kinds) and each.name == part), None)
        if node is None:
            raise LookupError(f"vllm/{name}.py has no {place}")
    return node


def parameters(name: str, place: str) -> dict[str, str | None]:
    """Parameters of a function of the wheel → the source of their defaults; None: there is none."""
    return signature(find(name, place))


def signature(function: ast.FunctionDef) -> dict[str, str | None]:
    """The same of any function."""
    given = function.args
    plain = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(plain) - len(given.defaults)) + given.defaults
    pairs = [*zip(plain, defaults, strict=True), *zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    return {each.arg: default and ast.unparse(default) for each, default in pairs}


def fields(name: str, place: str) -> dict[str, str | None]:
    """Annotated fields of a class of the wheel → the source of their defaults."""
    return annotated(find(name, place))


def annotated(node: ast.ClassDef) -> dict[str, str | None]:
    """The same of any class."""
    return {
        each.target.id: each.value and ast.unparse(each.value) for each in node.body if isinstance(each, ast.AnnAssign)
    }


def assigned(name: str, place: str) -> set[str]:
    """Attributes of `self` that a class assigns, in whatever method."""
    nodes = [node for node in ast.walk(find(name, place)) if isinstance(node, ast.Assign | ast.AnnAssign)]
    targets = [target for node in nodes for target in getattr(node, "targets", [getattr(node, "target", None)])]
    return {each.attr for each in targets if isinstance(each, ast.Attribute) and ast.unparse(each.value) == "self"}


def says(name: str, words: str) -> bool:
    """Whether a string of a module, or a stretch of an f-string between values, has these words."""
    return any(isinstance(each, ast.Constant) and words in str(each.value) for each in ast.walk(module(name)))


# Reading those who use it


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def calls(path: Path, function: str) -> list[ast.Call]:
    """Calls of a function or method, by its source: "LLM", "self.llm.sleep"."""
    found = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    return [node for node in found if ast.unparse(node.func) == function]


def keywords(path: Path, function: str) -> set[str]:
    """Names of arguments that are given in any call of a function."""
    return {each.arg for call in calls(path, function) for each in call.keywords if each.arg}


def methods(path: Path, *objects: str) -> dict[str, set[str]]:
    """Methods that are called on these objects → the names of their arguments."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree(path)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and ast.unparse(node.func.value) in objects
        ):
            found.setdefault(node.func.attr, set()).update(each.arg for each in node.keywords if each.arg)
    return found


def keys(path: Path, among: str) -> set[str]:
    """Keys of all dictionaries that are written out and have the key `among`."""
    made: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Dict):
            names = {each.value for each in node.keys if isinstance(each, ast.Constant)}
            made |= names if among in names else set()
    return made


SAMPLING = "sampling_params"
ENGINE_ARGUMENTS = ("engine/arg_utils", "EngineArgs")


def engine_arguments() -> set[str]:
    return set(parameters("entrypoints/llm", "LLM.__init__")) | set(fields(*ENGINE_ARGUMENTS))


# The contract


@needs_wheel
@pytest.mark.parametrize(("path", "least"), [(OURS, 8), (TRLS, 10)], ids=["ours", "TRL"])
def test_the_engine_takes_every_argument_that_it_is_started_with(path, least):
    given = keywords(path, "LLM")
    assert len(given) >= least
    assert given <= engine_arguments()


@needs_wheel
def test_the_engine_hands_on_what_it_has_no_parameter_for():
    """max_model_len and enable_sleep_mode are no parameters of LLM, but of EngineArgs."""
    made = [node for node in ast.walk(find("entrypoints/llm", "LLM.__init__")) if isinstance(node, ast.Call)]
    handed_on = [node for node in made if ast.unparse(node.func) == "EngineArgs"]
    assert [ast.unparse(each.value) for each in handed_on[0].keywords if each.arg is None] == ["kwargs"]
    assert {"max_model_len", "enable_sleep_mode", "limit_mm_per_prompt"} <= set(fields(*ENGINE_ARGUMENTS))


@needs_wheel
def test_a_name_that_vllm_does_not_have_is_found_out():
    """Else nothing here says anything."""
    assert "max_model_length" not in engine_arguments()
    with pytest.raises(LookupError, match=r"has no LLM\.answer"):
        find("entrypoints/llm", "LLM.answer")
    assert not says("v1/engine/input_processor", "longer than the longest prompt")


@needs_wheel
def test_sampling_takes_every_argument_that_it_is_given():
    ours, trls = keywords(OURS, "SamplingParams"), keys(TRLS, "n")
    trls -= {"structured_outputs_regex", "generation_kwargs"}  # of the server, which is another client
    assert {"max_tokens", "temperature", "seed", "logit_bias"} == ours
    assert {"n", "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "max_tokens", "logprobs"} == trls
    assert ours | trls <= set(fields(SAMPLING, "SamplingParams"))


@needs_wheel
@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("n", "1"), ("top_p", "1.0"), ("top_k", "0"), ("min_p", "0.0"), ("repetition_penalty", "1.0"),
        ("presence_penalty", "0.0"), ("frequency_penalty", "0.0"), ("stop", "None"), ("ignore_eos", "False"),
        ("min_tokens", "0"), ("detokenize", "True"), ("skip_special_tokens", "True"), ("allowed_token_ids", "None"),
        ("bad_words", "None"),
    ],
)  # fmt: skip
def test_what_is_not_said_of_sampling_leaves_the_distribution_alone(name, default):
    assert fields(SAMPLING, "SamplingParams")[name] == default


@needs_wheel
@pytest.mark.parametrize(("path", "objects"), [(OURS, ("engine", "self.engine")), (TRLS, ("self.llm",))])
def test_the_engine_has_every_method_that_is_called(path, objects):
    called = methods(path, *objects)
    assert {"generate", "sleep", "wake_up"} <= set(called)
    for name, given in called.items():
        assert given <= set(parameters("entrypoints/llm", f"LLM.{name}")), name


@needs_wheel
def test_it_is_woken_and_put_to_sleep_as_it_can_be():
    """TRL drops the weights (level 2), and wakes weights and cache apart; here they are kept, and wake together."""
    tags = {
        each.value
        for call in calls(TRLS, "self.llm.wake_up")
        for each in ast.walk(call)
        if isinstance(each, ast.Constant)
    }
    assert tags == {"weights", "kv_cache"}
    source = ast.unparse(find("v1/executor/abstract", "Executor.sleep"))
    assert "self.sleeping_tags = {'weights', 'kv_cache'}" in source
    assert "if not self.model_executor.is_sleeping:" in ast.unparse(find("v1/engine/core", "EngineCore.wake_up"))
    assert parameters("entrypoints/llm", "LLM.wake_up")["tags"] == "None"
    assert parameters("entrypoints/llm", "LLM.sleep")["level"] == "1"
    assert {ast.unparse(each.value) for call in calls(TRLS, "self.llm.sleep") for each in call.keywords} == {"2"}
    worker = ast.unparse(find("v1/worker/gpu_worker", "Worker.sleep"))
    assert "if level == 2:" in worker, "what is no weight, and not written again, is kept"
    assert "named_buffers" in worker


@needs_wheel
def test_weights_are_written_where_trl_looks_for_them():
    """llm.llm_engine.model_executor.driver_worker.model_runner.model.load_weights, in the process that trains."""
    chain = "self.llm.llm_engine.model_executor.driver_worker.model_runner.model.load_weights"
    assert len(calls(TRLS, chain)) == 1
    assert "llm_engine" in assigned("entrypoints/llm", "LLM")
    assert "model_executor" in assigned("v1/engine/llm_engine", "LLMEngine")
    external = find("v1/executor/uniproc_executor", "ExecutorWithExternalLauncher")
    assert [ast.unparse(base) for base in external.bases] == ["UniProcExecutor"]
    assert "driver_worker" in assigned("v1/executor/uniproc_executor", "UniProcExecutor")
    wrapper = ast.unparse(find("v1/worker/worker_base", "WorkerWrapperBase.__getattr__"))
    assert "getattr(self.worker, attr)" in wrapper
    assert "model_runner" in assigned("v1/worker/gpu_worker", "Worker")
    for runner in ("v1/worker/gpu_model_runner", "v1/worker/gpu/model_runner"):
        assert "model" in assigned(runner, "GPUModelRunner")
    find("model_executor/models/qwen2_5_vl", "Qwen2_5_VLForConditionalGeneration.load_weights")


@needs_wheel
def test_weights_have_the_names_that_vllm_expects(save_family, tmp_path):
    """Those of transformers, as TRL hands them over, each below a prefix that vLLM maps."""
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(save_family("qwen2_5_vl", tmp_path))
    names = {name for name, _ in model.named_parameters()}
    place = find("model_executor/models/qwen2_5_vl", "Qwen2_5_VLForConditionalGeneration")
    mapper = next(
        each.value for each in place.body if isinstance(each, ast.Assign) and each.targets[0].id == "hf_to_vllm_mapper"
    )
    prefixes = ast.literal_eval(next(each.value for each in mapper.keywords if each.arg == "orig_to_new_prefix"))
    mapped = {prefix: target for prefix, target in prefixes.items() if prefix != "model."}
    assert mapped == {
        "model.language_model.": "language_model.model.",
        "model.visual.": "visual.",
        "lm_head.": "language_model.lm_head.",
    }
    assert [name for name in names if not name.startswith(tuple(mapped))] == []
    assert {prefix for prefix in mapped if any(name.startswith(prefix) for name in names)} == set(mapped)


@needs_wheel
def test_prompts_have_the_keys_that_are_read():
    known = set(fields("inputs/llm", "TextPrompt")) | set(fields("inputs/llm", "_PromptOptions"))
    assert keys(OURS, "prompt") == {"prompt", "multi_modal_data"}
    assert keys(OURS, "prompt") <= known
    assert keys(TRLS, "prompt_token_ids") == {"prompt_token_ids"}
    assert "prompt_token_ids" in fields("inputs/llm", "TokensPrompt")


@needs_wheel
def test_answers_have_the_attributes_that_are_read():
    assert {"prompt_token_ids", "outputs"} <= assigned("outputs", "RequestOutput")
    assert {"text", "token_ids", "logprobs"} <= set(fields("outputs", "CompletionOutput"))
    assert {"logprob", "rank"} <= set(fields("logprobs", "Logprob"))
    for path, read in ((OURS, ["prompt_token_ids", "outputs", "text"]), (TRLS, ["logprobs", "rank", "token_ids"])):
        attributes = {node.attr for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}
        assert set(read) <= attributes, "what is looked up here is what is read"
    assert {"hf_config", "max_model_len"} <= assigned("config/model", "ModelConfig") | set(
        fields("config/model", "ModelConfig")
    )
    assert "model_config" in assigned("v1/engine/llm_engine", "LLMEngine")


@needs_wheel
def test_the_values_that_are_given_are_among_those_that_are_taken():
    literals = {
        each.targets[0].id: each.value
        for each in module("config/model").body
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name)
    }
    assert "'processed_logprobs'" in ast.unparse(literals["LogprobsMode"])
    assert "'vllm'" in ast.unparse(literals["ModelImpl"])
    assert {"'bfloat16'", "'float16'", "'float32'"} <= set(re.findall(r"'\w+'", ast.unparse(literals["ModelDType"])))
    source = ast.unparse(find("config/model", "ModelConfig.get_diff_sampling_param"))
    assert "config = {} if src == 'vllm' else self.try_get_generation_config()" in source
    assert says("config/load", '- "safetensors" will load the weights in the safetensors format.')
    assert fields("config/model", "ModelConfig")["max_model_len"] == "Field(default=None, ge=-1)"
    assert fields("config/model", "ModelConfig")["enable_sleep_mode"] == "False"


@needs_wheel
def test_it_starts_its_processes_as_it_is_told():
    """The default is a fork, which CUDA does not survive; TRL's engine starts no process at all."""
    asked = [node for node in ast.walk(module("envs")) if isinstance(node, ast.Call)]
    (choices,) = [
        [ast.unparse(each) for each in node.args]
        for node in asked
        if ast.unparse(node.func) == "env_with_choices" and ast.unparse(node.args[0]) == repr(engine.START_METHOD)
    ]
    assert choices[1:] == ["'fork'", "['spawn', 'fork']"]
    chosen = ast.unparse(find("utils/system_utils", "get_mp_context"))
    assert f"mp_method = envs.{engine.START_METHOD}" in chosen
    forced = ast.unparse(find("utils/system_utils", "_maybe_force_spawn"))
    assert "if cuda_is_initialized():" in forced, "which torch.cuda.is_available does not make true"
    assert {ast.unparse(each.value) for call in calls(TRLS, "LLM") for each in call.keywords} >= {"'external_launcher'"}
    parallel = ast.unparse(module("config/parallel"))
    assert "os.environ['VLLM_ENABLE_V1_MULTIPROCESSING'] = '0'" in parallel


@needs_wheel
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("v1/worker/utils", engine.NO_MEMORY[0]),
        ("v1/core/kv_cache_utils", engine.NO_MEMORY[1]),
        ("v1/core/kv_cache_utils", engine.NO_MEMORY[2]),
        ("v1/engine/utils", engine.NO_START),
        ("v1/engine/input_processor", engine.TOO_LONG),
    ],
)
def test_it_says_what_its_errors_are_known_by(name, words):
    assert says(name, words)


@needs_wheel
def test_it_takes_as_many_sequences_at_once_as_trl_lets_it():
    """TRL gives it 4096 tokens a step, and all responses of a sampling as sequences, which must not be more."""
    (started,) = calls(TRLS, "LLM")
    given = {each.arg: ast.unparse(each.value) for each in started.keywords}
    assert given["max_num_batched_tokens"] == str(MOST_AT_ONCE)
    assert "max_num_seqs" in given
    scheduler = ast.unparse(find("config/scheduler", "SchedulerConfig"))
    assert "if self.max_num_batched_tokens < self.max_num_seqs:" in scheduler


@needs_wheel
def test_a_logit_bias_is_a_number_for_each_token():
    assert fields(SAMPLING, "SamplingParams")["logit_bias"] == "None"
    bounds = [
        each for each in ast.walk(module(SAMPLING)) if isinstance(each, ast.Call) and ast.unparse(each.func) == "max"
    ]
    assert {ast.literal_eval(each.args[0]) for each in bounds if "bias" in ast.unparse(each)} == {engine.NEVER}


@needs_wheel
def test_the_forecast_takes_it_to_read_as_much_at_once_as_it_does():
    """On the GPUs where that is most; and to keep pictures in the precision of the model."""
    node = find("engine/arg_utils", "EngineArgs.get_batch_defaults")
    given: dict[str, set[int]] = {"default_max_num_batched_tokens": set(), "default_max_num_seqs": set()}
    for each in ast.walk(node):
        if isinstance(each, ast.Assign) and isinstance(each.value, ast.Dict):
            entries = zip(each.value.keys, each.value.values, strict=True)
            given[each.targets[0].id] |= {
                value.value for key, value in entries if ast.unparse(key) == "UsageContext.LLM_CLASS"
                and isinstance(value, ast.Constant)
            }  # fmt: skip
    assert inference.Limits(*map(max, given.values())) == inference.ALONE
    kept = ast.unparse(find("multimodal/processing/context", "InputProcessingContext._postprocess_output"))
    assert "tensor = tensor.to(dtype=self.model_config.dtype)" in kept


# The stand-ins, by the same measure


both = pytest.mark.parametrize("standin", STANDINS.values(), ids=STANDINS)
METHODS = {"generate", "sleep", "wake_up", "reset_prefix_cache"}
# vLLM's names for what the stand-ins answer with: class → module.
OUTPUTS = {"CompletionOutput": "outputs", "Logprob": "logprobs", "RequestOutput": "outputs"}


def class_of(path: Path, name: str) -> ast.ClassDef:
    (found,) = [each for each in tree(path).body if isinstance(each, ast.ClassDef) and each.name == name]
    return found


def engine_default(name: str) -> str | None:
    """The source of what an engine's argument is where it is not given; None: nothing is said."""
    if name in (own := parameters("entrypoints/llm", "LLM.__init__")):
        return own[name]
    if f"kwargs['{name}'] = True" in ast.unparse(find("entrypoints/llm", "LLM.__init__")):
        return "True"
    default = fields(*ENGINE_ARGUMENTS)[name]
    if named := re.fullmatch(r"(\w+)Config\.(\w+)|get_field\((\w+)Config, '(\w+)'\)", default):
        config, attribute = filter(None, named.groups())
        default = fields(f"config/{config.lower()}", f"{config}Config")[attribute]
    kept = re.match(r"Field\(default=(\w+)", default)
    return kept[1] if kept else "None" if default == "Field(default_factory=dict)" else default


@needs_wheel
@both
def test_a_stand_in_has_no_method_or_parameter_of_its_own(standin):
    """And where a parameter is left out, its default is vLLM's."""
    methods = [each for each in class_of(standin, "LLM").body if isinstance(each, ast.FunctionDef)]
    public = [each for each in methods if not each.name.startswith("_")]
    assert {each.name for each in public} >= METHODS
    for function in public:
        given, theirs = signature(function), parameters("entrypoints/llm", f"LLM.{function.name}")
        places = [list(theirs).index(name) for name in given]
        assert all(one < other for one, other in pairwise(places)), function.name
        assert given == {name: theirs[name] for name in given}, function.name


@needs_wheel
@both
def test_a_stand_in_is_started_as_vllm_is(standin):
    """Of the arguments that it spells out; the one of the tests keeps the others."""
    start = next(each for each in class_of(standin, "LLM").body if getattr(each, "name", "") == "__init__")
    given = signature(start)
    assert given.pop("self") is given.pop("model") is None
    assert given == {name: engine_default(name) for name in given}
    assert given or start.args.kwarg
    used = keywords(OURS, "LLM") | keywords(TRLS, "LLM")
    assert start.args.kwarg or used <= {"model", *given}, "what the rehearsal is to run with"


@needs_wheel
@both
def test_a_stand_in_has_inside_what_is_looked_for_there(standin):
    chain = ["llm_engine", "model_executor", "driver_worker", "model_runner", "model", "load_weights"]
    made = set().union(*({each.arg for each in call.keywords} for call in calls(standin, "SimpleNamespace")))
    answers = set().union(*fields_of_outputs(standin).values())
    assert made - answers == {*chain[1:], "model_config", "hf_config"} | (made & {"max_model_len"})
    assert "llm_engine" in {
        target.attr
        for node in ast.walk(class_of(standin, "LLM"))
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute)
    }


def fields_of_outputs(standin: Path) -> dict[str, set[str]]:
    """Class of an answer → its fields: classes of their own, or namespaces that are told by a field."""
    classes = {each.name: each for each in tree(standin).body if isinstance(each, ast.ClassDef)}
    if OUTPUTS.keys() <= classes.keys():
        return {name: set(annotated(classes[name])) for name in OUTPUTS}
    marks = {"text": "CompletionOutput", "logprob": "Logprob", "prompt_token_ids": "RequestOutput"}
    made = [{each.arg for each in call.keywords} for call in calls(standin, "SimpleNamespace")]
    return {kind: names for names in made for mark, kind in marks.items() if mark in names}


@needs_wheel
@both
def test_a_stand_in_answers_in_vllms_words(standin):
    found = fields_of_outputs(standin)
    assert found.keys() == OUTPUTS.keys()
    for kind, names in found.items():
        assert names <= set(fields(OUTPUTS[kind], kind)) | assigned(OUTPUTS[kind], kind), kind
    assert says("v1/engine/input_processor", engine.TOO_LONG)
    assert engine.TOO_LONG in standin.read_text(encoding="utf-8")


@needs_wheel
@pytest.mark.parametrize("kind", ["SamplingParams", "StructuredOutputsParams"])
def test_a_rehearsal_samples_as_it_would_with_vllm(kind):
    path = STANDINS["rehearsal"].with_name("sampling_params.py")
    given, theirs = annotated(class_of(path, kind)), fields(SAMPLING, kind)
    assert len(given) >= 2
    assert given == {name: theirs[name] for name in given}


@needs_wheel
def test_a_rehearsal_imports_what_vllm_has():
    folder = STANDINS["rehearsal"].parent
    modules = [path for path in folder.rglob("*.py") if path.name != "__init__.py"]
    assert {"network_utils.py", "nccl_common.py", "packed_tensor.py", "sampling_params.py"} == {
        each.name for each in modules
    }
    for path in modules:
        name = path.relative_to(folder).with_suffix("").as_posix()
        for each in tree(path).body:
            if isinstance(each, ast.ClassDef | ast.FunctionDef):
                find(name, each.name)


def test_a_rehearsal_is_of_the_pinned_version():
    assert f'__version__ = "{PINNED}"' in STANDINS["rehearsal"].read_text(encoding="utf-8")


def test_the_versions_that_are_taken_are_those_that_trl_supports():
    bounds = re.findall(r'Version\("([\d.]+)"\)', (TRL / "import_utils.py").read_text(encoding="utf-8"))
    assert [str(engine.OLDEST), str(engine.NEWEST)] == bounds
    assert engine.OLDEST <= type(engine.OLDEST)(PINNED) <= engine.NEWEST
