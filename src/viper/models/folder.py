"""A look at a model's folder before any library loads it: nothing in it may run, and none of it may be half there.

Weights are read from safetensors only. A pickle runs what it says when it is loaded; `auto_map` and classes of other
packages ask for Python code to be run, and a library may ask on the terminal whether to.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from viper.errors import ViperError

# Files of weights that are pickles, or that only other frameworks read.
OTHER_WEIGHTS = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".h5", ".msgpack"}
WEIGHTS = ".safetensors"
# Packages whose classes the files of a pipeline or an embedder may name, beside this project's own.
LIBRARIES = {"diffusers", "transformers"}
# Modules of this package that hold classes of saved pipelines.
OWN_COMPONENTS = {
    "viper.models.micro.layout_unet",
    "viper.models.micro.text_encoder",
    "viper.models.micro.vae",
}
_EMBEDDER_MODULES = "sentence_transformers."
_REMEDY = "Take a model without it, or one whose classes the pinned libraries have"


def check_model_folder(folder: str | Path, *, own_code: bool = False) -> None:
    """Refuse a folder that holds what would run, or that no library can load.

    Args:
        own_code: whether a package that params.yaml names (`pipeline_class`, with `trust_remote_code`) is allowed to
            load its own classes from it.

    Raises:
        ViperError: weights as pickles and no others; Python code or classes of other packages are asked for; JSON or
            safetensors that are damaged; an index that names missing files, or files elsewhere. Which file, and what
            to do.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ViperError(f"{folder}: no such folder: make or fetch the model first")
    contents = {path: _read_json(path) for path in sorted(folder.rglob("*.json")) if ".cache" not in path.parts}
    for path in sorted(folder.rglob("*")):
        _check_weights(path)
    for path, content in contents.items():
        if path.name.endswith(".index.json"):
            _check_index(path, content)
        elif isinstance(content, dict) and not own_code:
            _check_classes(path, content)
        elif path.name == "modules.json" and not own_code:
            _check_modules(path, content)


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
        return json.loads(path.read_bytes())
    except IsADirectoryError:
        raise ViperError(f"{path}: a folder in place of a file: make or fetch the model again") from None
    except (ValueError, RecursionError) as error:
        raise ViperError(f"{path}: damaged, no JSON ({error}): make or fetch the model again") from error


def _check_weights(path: Path) -> None:
    """Whether safetensors are whole; whether other weights have safetensors beside them, which libraries then take."""
    if path.suffix == WEIGHTS:
        from safetensors import SafetensorError, safe_open

        if not path.is_file():
            raise ViperError(f"{path}: not a file, or a link to nothing: make or fetch the model again")
        try:
            with safe_open(path, framework="np"):
                pass
        except (SafetensorError, OSError, ValueError) as error:
            raise ViperError(f"{path}: damaged safetensors ({error}): make or fetch the model again") from error
    elif path.suffix in OTHER_WEIGHTS and path.is_file() and not any(path.parent.glob(f"*{WEIGHTS}")):
        raise ViperError(
            f"{path}: weights that are no safetensors may run code when they are loaded, and are not read here. "
            "Convert them to safetensors where you trust them, or name another model"
        )


def _check_index(path: Path, content: Any) -> None:
    named = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(named, dict) or not all(isinstance(name, str) for name in named.values()):
        raise ViperError(f"{path}: no list of weights by name: make or fetch the model again")
    for name in sorted(set(named.values())):
        if Path(name).name != name or name.startswith("."):
            raise ViperError(f"{path}: names the file {name!r} outside its folder: make or fetch the model again")
        if Path(name).suffix == WEIGHTS and not (path.parent / name).is_file():
            raise ViperError(f"{path}: names {name}, which is missing: make or fetch the model again")


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
            if library is not None and library not in LIBRARIES | OWN_COMPONENTS:
                raise ViperError(
                    f"{path}: {name} is a class of {library!r}, which is not imported because a file says so; known "
                    f"are {', '.join(sorted(LIBRARIES))}. {_REMEDY}"
                )


def _check_modules(path: Path, content: Any) -> None:
    """modules.json of sentence-transformers: its own classes only, in folders below this one."""
    if not isinstance(content, list) or not all(isinstance(module, dict) for module in content):
        raise ViperError(f"{path}: no list of modules: make or fetch the model again")
    for module in content:
        kind, place = module.get("type"), module.get("path", "")
        if not isinstance(kind, str) or not kind.startswith(_EMBEDDER_MODULES):
            raise ViperError(f"{path}: module {kind!r} is no class of sentence-transformers; it is not run. {_REMEDY}")
        if not isinstance(place, str) or Path(place).is_absolute() or ".." in Path(place).parts:
            raise ViperError(f"{path}: names {place!r} outside its folder: make or fetch the model again")


def _shortened(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
