"""One small step of each class of models that a scale uses, on the device that it will run on.

The classes, the widths and the processors are those of the real model, from the files in its folder; of its layers
only two are made, with random weights, so that a step takes seconds and little memory. A kernel, a dtype or an
attention that the device does not have fails here as it would fail after hours in the queue.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import viper.models.torchvision_shim  # noqa: F401  (before transformers touches torchvision)

import torch  # isort: skip
from PIL import Image

from viper.config.models import EditorSection, PipelineSection, VlmSection
from viper.config.reward import Embedder
from viper.errors import ViperError
from viper.models.base import Chat, pick_device, pick_dtype
from viper.models.chats import messages
from viper.models.embedder import SentenceEmbedder
from viper.models.pipelines import load_pipeline
from viper.models.pretrained import load_processor

if TYPE_CHECKING:
    from transformers import PreTrainedModel, ProcessorMixin

LAYERS = 2
# What configurations of transformers and diffusers call the number of their layers.
DEPTHS = ("num_hidden_layers", "num_layers", "num_single_layers", "num_refiner_layers", "n_layers", "depth")
SIDE = 256  # pixels of the picture that is painted or looked at


def shallow(config: Any) -> Any:
    """A configuration with two layers wherever it has more, and lists of what each layer is as long."""
    if not isinstance(config, Mapping):
        return config
    depths = {value for key, value in config.items() if key in DEPTHS and isinstance(value, int)}

    def cut(key: str, value: Any) -> Any:
        if key in DEPTHS and isinstance(value, int):
            return min(value, LAYERS)
        if key == "layer_types" and isinstance(value, list) and len(value) in depths:
            return value[:LAYERS]
        return shallow(value)

    return {key: cut(key, value) for key, value in config.items()}


def try_vlm(section: VlmSection, dtype: torch.dtype | None = None) -> str:
    """Look at a picture, learn from it, and answer; return what was done, in words.

    Args:
        dtype: None: as the section says.

    Raises:
        ViperError: what the model answered or learned is no number.
    """
    device = pick_device(section.device)
    dtype = dtype or pick_dtype(section.dtype, device)
    processor = load_processor(section.path, None, padding_side="left", **section.processor)
    model = _shallow_vlm(section, device, dtype)
    inputs = _picture_and_question(processor).to(device)
    loss = model(**inputs, labels=inputs["input_ids"]).loss
    loss.backward()
    torch.optim.SGD(model.parameters(), lr=1e-6).step()
    if not torch.isfinite(loss):
        raise ViperError(
            f"{type(model).__name__} on {device}: the loss is {loss.item()}; try another attention or dtype"
        )
    with torch.inference_mode():
        model.eval().generate(**inputs, max_new_tokens=2, do_sample=False)
    name = section.attention if section.attention != "auto" else model.config._attn_implementation
    return f"{type(model).__name__}, {name}, {dtype}: one update, two tokens"


def _shallow_vlm(section: VlmSection, device: str, dtype: torch.dtype) -> "PreTrainedModel":
    from transformers import AutoConfig, AutoModelForImageTextToText

    full = AutoConfig.from_pretrained(section.path, trust_remote_code=False)
    config = type(full).from_dict(shallow(full.to_dict()))
    chosen = {} if section.attention == "auto" else {"attn_implementation": section.attention}
    with torch.device(device):
        return AutoModelForImageTextToText.from_config(config, dtype=dtype, **chosen).to(device)


def _picture_and_question(processor: "ProcessorMixin") -> Any:
    """One chat with one picture, as tensors."""
    chat = messages(Chat([_picture()], "What is it ?"))
    text = processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    return processor(text=[text], images=[[_picture()]], return_tensors="pt")


def _picture(side: int = SIDE) -> Image.Image:
    return Image.linear_gradient("L").resize((side, side)).convert("RGB")


def _side_of(pipeline: Any) -> int:
    """Pixels along a side of the pictures that a pipeline edits: a UNet may be made for one size."""
    size = pipeline.unet.config.sample_size if hasattr(pipeline, "unet") else None
    return min(SIDE, size * pipeline.vae_scale_factor) if isinstance(size, int) else SIDE


def try_pipeline(section: PipelineSection) -> str:
    """Paint one picture in one denoising step, from another one where the section is an editor's."""
    pipeline = load_pipeline(section, **_shallow_components(section))
    sizes = {name: min(SIDE, section.arguments[name]) for name in ("height", "width") if name in section.arguments}
    # Two: the fewest that every scheduler takes.
    arguments = section.arguments | sizes | {"num_inference_steps": 2}
    if isinstance(section, EditorSection):
        picture = _picture(_side_of(pipeline))
        arguments[section.image_argument] = [picture] if section.image_argument == "input_images" else picture
    with torch.inference_mode():
        (picture,) = pipeline(prompt="a red cup", generator=torch.Generator("cpu").manual_seed(0), **arguments).images
    return f"{type(pipeline).__name__}, {pipeline.dtype}: a picture of {picture.width} × {picture.height} in two steps"


def _shallow_components(section: PipelineSection) -> dict[str, Any]:
    """The components of a pipeline that have more than two layers, made anew with two."""
    folder, made = Path(section.path), {}
    device = pick_device(section.device)
    dtype = pick_dtype(section.dtype, device)
    for name, value in json.loads((folder / "model_index.json").read_text(encoding="utf-8")).items():
        place = folder / name / "config.json"
        maker = _maker(value) if place.is_file() else None
        if maker is None:
            continue
        config = json.loads(place.read_text(encoding="utf-8"))
        if shallow(config) != config:
            with torch.device(device):
                made[name] = maker(shallow(config)).to(dtype).eval()
    return made


def _maker(entry: Any) -> Callable[[dict[str, Any]], Any] | None:
    """What makes a component of a configuration; None where its library makes none of one.

    Args:
        entry: of model_index.json: library and class.
    """
    import diffusers
    import transformers

    library, name = entry if isinstance(entry, list) and len(entry) == 2 else (None, None)
    if library == "diffusers" and hasattr(diffusers, name):
        return getattr(diffusers, name).from_config
    if library == "transformers" and hasattr(transformers, name):
        made = getattr(transformers, name)
        return lambda config: made(made.config_class.from_dict(config))
    return None


def try_embedder(section: Embedder) -> str:
    """Embed a sentence with the model as it is: it is small."""
    embedder = SentenceEmbedder(section)
    embedder.embed(["A red cup."])
    return f"{type(embedder.model).__name__} on {embedder.model.device}: one sentence, {embedder.dimension} numbers"
