"""What the painter and the editor share: loading a diffusers pipeline, and calling it in batches with seeds."""

import importlib
import json
import logging
from collections.abc import Sequence
from functools import partial
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL.Image import Image
from tqdm import tqdm

from viper.config.models import PipelineSection
from viper.errors import ViperError
from viper.models.base import is_flat, pick_device, pick_dtype
from viper.models.folder import check_model_folder, explained_loading
from viper.models.kept_pictures import KeptPictures
from viper.models.world import COMPONENTS
from viper.startup import log_ready

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

_log = logging.getLogger(__name__)

_CACHING = {
    "first_block": "FirstBlockCacheConfig",
    "taylorseer": "TaylorSeerCacheConfig",
    "mag": "MagCacheConfig",
}


def load_pipeline(section: PipelineSection, path: str | Path | None = None, **components: Any) -> "DiffusionPipeline":
    """Load the diffusers pipeline at `path` (None: the section's own), silent and on its device.

    Args:
        components: that take the place of the folder's, by their names there.

    Raises:
        ViperError: there is no pipeline, its folder is incomplete, its call does not take the section's arguments, or
            it cannot be made faster in the way that the section asks for.
    """
    import viper.models.torchvision_shim  # noqa: F401  (before diffusers reaches transformers)

    from diffusers import DiffusionPipeline  # isort: skip
    from diffusers.utils import logging as diffusers_logging

    diffusers_logging.disable_progress_bar()
    path, device = str(path or section.path), pick_device(section.device)
    check_model_folder(path, own_code=section.trust_remote_code)
    _import_own_components(Path(path))
    pipeline_class = _import_class(section.pipeline_class) if section.pipeline_class else DiffusionPipeline
    with explained_loading(path, "a diffusers pipeline"):
        pipeline = pipeline_class.from_pretrained(
            path,
            torch_dtype=pick_dtype(section.dtype, device),
            trust_remote_code=section.trust_remote_code,
            use_safetensors=True,
            **components,
        )
    _check_arguments(pipeline, section)
    pipeline.set_progress_bar_config(disable=True)
    pipeline = pipeline.to(device)
    _speed_up(pipeline, section)
    log_ready()
    return pipeline


def _import_class(name: str) -> type:
    """The pipeline class that `name` stands for, of a package that diffusers knows nothing of."""
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ViperError(
            f"models.*.pipeline_class {name!r} cannot be imported ({error}): install its package, or put the "
            "folder that holds it on PYTHONPATH"
        ) from error


def _speed_up(pipeline: "DiffusionPipeline", section: PipelineSection) -> None:
    """Lay convolutions out for speed, compile the denoiser and let it reuse earlier steps, as the section asks.

    Sources: diffusers, `compile_repeated_blocks` (each kind of block is compiled once, not the whole model) and
    `CacheMixin.enable_cache`; PyTorch, "Channels Last Memory Format" (the micro UNet: a fifth less time).
    """
    import torch

    denoiser = getattr(pipeline, "transformer", None) or pipeline.unet
    if hasattr(pipeline, "unet"):
        denoiser.to(memory_format=torch.channels_last)
    if section.caching is not None:
        from diffusers import hooks

        if not hasattr(denoiser, "enable_cache"):
            raise ViperError(f"models.*.caching: {type(denoiser).__name__} has no caching hooks: set it to null")
        config = getattr(hooks, _CACHING[section.caching.method])
        try:
            denoiser.enable_cache(config(**section.caching.arguments))
        except (TypeError, ValueError) as error:
            raise ViperError(
                f"models.*.caching: {config.__name__} does not take {section.caching.arguments}: {error}"
            ) from error
    if section.compile is not None:
        try:
            denoiser.compile_repeated_blocks(**section.compile)
        except ValueError as error:
            raise ViperError(f"models.*.compile: {type(denoiser).__name__}: {error}; set it to null") from error


def _check_arguments(pipeline: "DiffusionPipeline", section: PipelineSection) -> None:
    """Several pipelines accept any keyword and ignore what they do not know: a slip in params.yaml would go unseen."""
    known = [
        parameter.name
        for parameter in signature(type(pipeline).__call__).parameters.values()
        if parameter.kind is not Parameter.VAR_KEYWORD and parameter.name != "self"
    ]
    image = getattr(section, "image_argument", None)
    unknown = [name for name in (*section.arguments, image) if name is not None and name not in known]
    if unknown:
        raise ViperError(
            f"{type(pipeline).__name__} does not take {', '.join(unknown)} (models.*.arguments or image_argument in "
            f"params.yaml); it takes: {', '.join(known)}"
        )


def _import_own_components(folder: Path) -> None:
    """Import the modules of this package that a saved pipeline names: diffusers takes only what is imported already."""
    index = folder / "model_index.json"
    if index.is_file():
        for value in json.loads(index.read_text(encoding="utf-8")).values():
            if isinstance(value, list) and value and value[0] in COMPONENTS:
                importlib.import_module(value[0])


def rows_by_size(sizes: Sequence[tuple[int, int] | None]) -> list[tuple[tuple[int, int] | None, list[int]]]:
    """Rows by the size of their pictures, the smallest first: a batch is one tensor, so its pictures share a size."""
    found: dict[tuple[int, int] | None, list[int]] = {}
    for row, size in enumerate(sizes):
        found.setdefault(size, []).append(row)
    return sorted(found.items(), key=lambda item: item[0] or ())


def call_in_batches(
    pipeline: "DiffusionPipeline",
    columns: dict[str, Sequence[Any]],
    *,
    seeds: Sequence[int],
    batch_size: int,
    arguments: dict[str, Any],
    progress: str,
    kept: KeptPictures | None = None,
) -> list[Image]:
    """Call `pipeline` on rows given as columns (argument name → one value a row); return one RGB image per row.

    Each row has a generator of its own, on the CPU: its noise depends neither on its batch nor on the device.

    Args:
        kept: where each batch is kept as it comes, and found by a job that goes on; None: nowhere.
    """
    images: list[Image] = []
    with tqdm(total=len(seeds), desc=progress, unit="image", mininterval=2) as bar:
        for start in range(0, len(seeds), batch_size):
            rows = slice(start, start + batch_size)
            batch = {name: list(values[rows]) for name, values in columns.items()}
            make = partial(_call, pipeline, batch, seeds[rows], arguments)
            asked = {"rows": batch, "seeds": list(seeds[rows]), "arguments": arguments}
            images += kept.batch(asked, make) if kept else make()
            bar.update(len(seeds[rows]))
    return images


def _call(
    pipeline: "DiffusionPipeline", batch: dict[str, list], seeds: Sequence[int], arguments: dict[str, Any]
) -> list[Image]:
    """One call of the pipeline: a batch of rows, as columns."""
    import torch

    generators: Any = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
    if len(generators) == 1:  # pipelines that take one picture at a time want it bare
        generators, batch = generators[0], {name: values[0] for name, values in batch.items()}
    with torch.inference_mode():
        output = pipeline(**batch, generator=generators, **arguments)
    return _arrived(output.images, len(seeds))


def _arrived(images: list[Image], expected: int) -> list[Image]:
    """The pictures of one call as RGB, checked.

    Raises:
        ViperError: there are not as many as were asked for.
    """
    if len(images) != expected:
        raise ViperError(
            f"the pipeline returned {len(images)} pictures for {expected} prompts: set models.*.batch_size to 1, or "
            "take out of models.*.arguments what asks for several pictures per prompt"
        )
    images = [image.convert("RGB") for image in images]
    flat = sum(map(is_flat, images))
    if flat:
        _log.warning(
            "%d of %d pictures have one flat color: not-a-number in the denoiser looks like that", flat, expected
        )
    return images
