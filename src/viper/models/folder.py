"""A look at a model's folder before any library loads it: nothing in it may run, and none of it may be half there.

Weights are read from safetensors only. A pickle runs what it says when it is loaded; `auto_map` and classes of other
packages ask for Python code to be run, and a library may ask on the terminal whether to.
"""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from viper.errors import ViperError
from viper.manifest import DOWNLOAD_NOTES
from viper.models.world import COMPONENTS

# Files of weights that are pickles, or that only other frameworks read.
OTHER_WEIGHTS = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".h5", ".msgpack", ".npy", ".npz", ".ot"}
WEIGHTS = ".safetensors"
# Files of weights that libraries look for by name, and the safetensors that they take in their place.
_IN_PLACE_OF = {"pytorch_model": "model", "diffusion_pytorch_model": "diffusion_pytorch_model"}
# Packages whose classes the files of a pipeline or an embedder may name, beside this project's own.
LIBRARIES = {"diffusers", "transformers"}
# What a part is read from: one file of each line. Libraries build a part without them, and a wrong one, without a word.
_TOKENIZER = {
    "a tokenizer": (
        "tokenizer.json", "vocab.json", "vocab.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model",
        "tekken.json",
    ),
    "the tokenizer's special tokens": ("tokenizer_config.json",),
}  # fmt: skip
_PROCESSOR = {"an image processor": ("processor_config.json", "preprocessor_config.json")}
_TEMPLATES = ("chat_template.jinja", "chat_template.json")
_WITH_TEMPLATE = ("tokenizer_config.json", "processor_config.json")  # may hold one under the key chat_template
_EMBEDDER_MODULES = "sentence_transformers."
_AGAIN = "make or fetch the model again"
_REMEDY = "Take a model without it, or one whose classes the pinned libraries have"


def check_model_folder(folder: str | Path, *, own_code: bool = False) -> None:
    """Refuse a folder that holds what would run, or that no library can load.

    Args:
        own_code: whether a package that params.yaml names (`pipeline_class`, with `trust_remote_code`) is allowed to
            load its own classes from it.

    Raises:
        ViperError: weights as pickles and no others; Python code or classes of other packages are asked for; JSON or
            safetensors that are damaged; an index that names missing files, or files elsewhere; a part of a pipeline
            or the tokenizer of an embedder that is not there. Which file, and what to do.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ViperError(f"{folder}: no such folder: make or fetch the model first")
    files = _files(folder)
    contents = {path: _read_json(path) for path in files if path.suffix == ".json"}
    names = {path: _names_of_weights(path) for path in files if path.suffix == WEIGHTS}
    for path in files:
        _check_other_weights(path)
    for path, content in contents.items():
        if path.name.endswith(".index.json"):
            _check_index(path, content, names)
        elif path.name == "adapter_config.json":
            raise ViperError(
                f"{path}: adapters, which a library would lay on whatever model they name: merge them into that model, "
                "and name the merged one"
            )
        elif path.name == "model_index.json" and not isinstance(content, dict):
            raise ViperError(f"{path}: no list of a pipeline's parts: {_AGAIN}")
        elif isinstance(content, dict) and not own_code:
            _check_classes(path, content)
        elif path.name == "modules.json" and not own_code:
            _check_modules(path, content)


def check_vlm_folder(folder: str | Path) -> None:
    """Refuse a folder that is no whole vision-language model: weights, tokenizer, image processor and chat template.

    Raises:
        ViperError: see `check_model_folder`; what is missing.
    """
    folder = Path(folder)
    check_model_folder(folder)
    _check_there(folder, {"a configuration": ("config.json",), **_TOKENIZER, **_PROCESSOR})
    written = [_read_json(folder / name) for name in _WITH_TEMPLATE if (folder / name).is_file()]
    if not any(isinstance(content, dict) and content.get("chat_template") for content in written):
        _check_there(folder, {"a chat template": _TEMPLATES})


def _check_there(folder: Path, needed: dict[str, tuple[str, ...]]) -> None:
    """Whether a folder has one file of each that is needed.

    Raises:
        ViperError: it lacks some: all of them in one message.
    """
    missing = [
        f"{what} ({' or '.join(names)})"
        for what, names in needed.items()
        if not any((folder / n).is_file() for n in names)
    ]
    if missing:
        raise ViperError(f"{folder}: lacks {', '.join(missing)}: {_AGAIN}")


def _files(folder: Path) -> list[Path]:
    """Every file below `folder`, also behind links; what was noted of its download is no part of the model.

    Raises:
        ViperError: something below it is no file that can be read, or has a file's name and is a folder.
    """
    files, seen = [], set()

    def stop(error: OSError) -> None:
        raise ViperError(f"{error.filename}: cannot be read ({error.strerror}): {_AGAIN}") from error

    for place, folders, names in os.walk(folder, followlinks=True, onerror=stop):
        real = os.path.realpath(place)
        if real in seen:  # a link to a folder above
            folders.clear()
            continue
        seen.add(real)
        if Path(place) == folder and DOWNLOAD_NOTES in folders:
            folders.remove(DOWNLOAD_NOTES)
        for name in folders:
            if Path(name).suffix in {".json", WEIGHTS}:
                raise ViperError(f"{Path(place, name)}: a folder in place of a file: {_AGAIN}")
        files += [_regular(Path(place, name)) for name in names]
    return sorted(files)


def _regular(path: Path) -> Path:
    """The path of a file, not of a pipe, at which a reader would wait, and not of a link to nothing."""
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return path
    except OSError:
        raise ViperError(f"{path}: a link to nothing: {_AGAIN}") from None
    raise ViperError(f"{path}: neither a file nor a folder: {_AGAIN}")


@contextmanager
def explained_loading(folder: str | Path, what: str) -> Iterator[None]:
    """Turn whatever a library raises about a model that it cannot load into one sentence.

    Libraries raise errors of any kind for a configuration that makes no sense; only too little memory is none of them.

    Raises:
        ViperError: the block failed.
    """
    try:
        yield
    except (ViperError, MemoryError):
        raise
    except Exception as error:
        text = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in text:
            raise
        raise ViperError(
            f"{folder}: cannot be loaded as {what}: {text[:300]}. Make or fetch the model again, or name another one"
        ) from error


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ViperError(f"{path}: cannot be read ({error.strerror}): {_AGAIN}") from error
    except (ValueError, RecursionError) as error:
        raise ViperError(f"{path}: damaged, no JSON ({error}): {_AGAIN}") from error


def _names_of_weights(path: Path) -> set[str]:
    """The names in a file of safetensors, whose header is thereby known to be whole."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            return set(file.keys())
    except (SafetensorError, OSError, ValueError) as error:
        raise ViperError(f"{path}: damaged safetensors ({error}): {_AGAIN}") from error


def _check_other_weights(path: Path) -> None:
    """Whether weights that are no safetensors have beside them those that libraries take in their place."""
    name = path.name.lower()
    if Path(name).suffix not in OTHER_WEIGHTS:
        return
    stem = next((ours for theirs, ours in _IN_PLACE_OF.items() if name.startswith(theirs)), "")
    if not any(path.parent.glob(f"{stem}*{WEIGHTS}")):
        raise ViperError(
            f"{path}: weights that are no safetensors may run code when they are loaded, and are not read here. "
            "Convert them to safetensors where you trust them, or name another model"
        )


def _check_index(path: Path, content: Any, weights: dict[Path, set[str]]) -> None:
    """An index names what each file beside it holds."""
    named = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(named, dict) or not all(isinstance(name, str) for name in named.values()):
        raise ViperError(f"{path}: no list of weights by name: {_AGAIN}")
    for name in sorted(set(named.values())):
        if Path(name).name != name or name.startswith("."):
            raise ViperError(f"{path}: names the file {name!r} outside its folder: {_AGAIN}")
        if path.name.endswith(f"{WEIGHTS}.index.json") and Path(name).suffix != WEIGHTS:
            raise ViperError(f"{path}: names {name}, which is no safetensors: {_AGAIN}")
        if Path(name).suffix == WEIGHTS and path.parent / name not in weights:
            raise ViperError(f"{path}: names {name}, which is missing: {_AGAIN}")
    for weight, name in named.items():
        if Path(name).suffix == WEIGHTS and weight not in weights[path.parent / name]:
            raise ViperError(f"{path}: says that {name} holds {weight}, which it does not: {_AGAIN}")


def _check_classes(path: Path, content: dict[str, Any]) -> None:
    """A configuration may name classes of the pinned libraries, and no code of its own."""
    if content.get("auto_map"):
        from transformers import CONFIG_MAPPING

        if content.get("model_type") not in CONFIG_MAPPING:  # otherwise the library's own classes are taken
            raise ViperError(
                f"{path}: asks for Python code to be run (auto_map: {_shortened(content['auto_map'])}); it is not. "
                f"{_REMEDY}"
            )
    if path.name == "model_index.json":
        if not isinstance(content.get("_class_name"), str):
            raise ViperError(
                f"{path}: _class_name {_shortened(content.get('_class_name'))} is no class of diffusers: Python code "
                f"of its own is not run. {_REMEDY}"
            )
        for name, value in content.items():
            library = value[0] if isinstance(value, list) and value else None
            if library is not None and library not in LIBRARIES | COMPONENTS:
                raise ViperError(
                    f"{path}: {name} is a class of {library!r}, which is not imported because a file says so; known "
                    f"are {', '.join(sorted(LIBRARIES))}. {_REMEDY}"
                )
        for name, value in content.items():
            if isinstance(value, list) and value and value[0] is not None:
                _check_part(path, name, str(value[-1]))


def _check_part(index: Path, name: str, kind: str) -> None:
    """A part of a pipeline lies in a folder of its name, with the files that its kind is read from."""
    folder = index.parent / name
    if not folder.is_dir() or not any(folder.iterdir()):
        raise ViperError(f"{index}: names the part {name}, which is missing: {_AGAIN}")
    if "Tokenizer" in kind:
        _check_there(folder, _TOKENIZER)
    elif "Processor" in kind or "FeatureExtractor" in kind:
        _check_there(folder, _PROCESSOR)


def _check_modules(path: Path, content: Any) -> None:
    """modules.json of sentence-transformers: its own classes only, in folders below this one."""
    if not isinstance(content, list) or not all(isinstance(module, dict) for module in content):
        raise ViperError(f"{path}: no list of modules: {_AGAIN}")
    for module in content:
        kind, place = module.get("type"), module.get("path", "")
        if not isinstance(kind, str) or not kind.startswith(_EMBEDDER_MODULES):
            raise ViperError(f"{path}: module {kind!r} is no class of sentence-transformers; it is not run. {_REMEDY}")
        if not isinstance(place, str) or Path(place).is_absolute() or ".." in Path(place).parts:
            raise ViperError(f"{path}: names {place!r} outside its folder: {_AGAIN}")
        if kind.endswith(".Transformer"):
            _check_there(path.parent / place, {"a configuration": ("config.json",), **_TOKENIZER})


def _shortened(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
