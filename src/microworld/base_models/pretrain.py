"""From the section `pretraining` to the folders of base models: each is complete or not there.

Every folder gets, beside the weights, `pretraining.json`: the parameters it was made with and the figures at its end.
The weights are stored in half precision, which `from_pretrained` widens again.
"""

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from microworld.base_models import checker, diffusion, internvl, language, stages, tasks, text_encoder, vae, vision, vlm
from viper.config.pretraining import DenoiserFit, Fit, LatentsFit, VlmFit
from viper.errors import ViperError
from viper.files import atomic_write
from viper.manifest import write_manifest
from viper.models.folder import check_model_folder, explained_loading

FAMILIES = {"qwen2_5_vl": vlm, "internvl": internvl}  # module that builds processor and model of each


def _finish(folder: Path, parameters: dict, figures: dict) -> None:
    record = {"parameters": parameters, "figures": figures, "torch": torch.__version__}
    (folder / "pretraining.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    write_manifest(folder)


@torch.no_grad()
def _round(model: nn.Module) -> None:
    """Give the weights the half precision that they are stored in, so that a stage may as well go on from stored ones.

    The weights alone: buffers, such as frequencies of places, are calculated anew where a model is loaded.
    """
    for weight in model.parameters():
        weight.copy_(weight.half())


def train_vlm(options: VlmFit, output: Path, work: Path) -> None:
    """Train a base VLM of the family that `options` names into `output`: vision tower, then language (see the modules).

    Args:
        work: folder of what an interrupted training goes on from; it is removed at the end.

    Raises:
        ViperError: a stage asks something seldom that is no kind of question.
    """
    for stage in options.language:
        if unknown := sorted(set(stage.seldom) - tasks.QUESTIONS):
            raise ViperError(
                f"a stage of pretraining.vlm.language: seldom names {', '.join(unknown)}: the kinds of questions are "
                + ", ".join(sorted(tasks.QUESTIONS))
            )
    family = FAMILIES[options.family]
    processor = family.build_processor(tasks.vocabulary())
    model = family.build_vlm(processor, seed=options.language[0].seed)

    def see() -> dict[str, float]:
        return vision.pretrain_vision(model, processor, **options.vision.model_dump())

    def speak(parameters: dict[str, Any]) -> dict[str, float]:
        losses = language.pretrain_language(model, processor, **parameters)
        _round(model)
        return losses

    parts = [stages.Stage(see, {"family": options.family, "vision": options.vision.model_dump()})]
    for stage in options.language:
        parts.append(stages.Stage(partial(speak, stage.model_dump()), stage.model_dump()))
    eyes, *losses = stages.run(model, parts, work)
    with atomic_write(output) as folder:
        model.half().save_pretrained(folder)
        processor.save_pretrained(folder)
        _finish(folder, options.model_dump(), {"vision accuracy": eyes, "loss per token": losses})
    shutil.rmtree(work)


def train_latents(options: LatentsFit, output: Path) -> None:
    """Train autoencoder and text encoder into the subfolders `vae`, `text_encoder` and `tokenizer` of `output`."""
    autoencoder, quality = vae.fit_vae(**options.autoencoder.model_dump())
    tokenizer = text_encoder.build_text_tokenizer()
    encoder = text_encoder.build_text_encoder(tokenizer, options.text_encoder.seed)
    figures = {
        "autoencoder": quality,
        "text encoder": text_encoder.pretrain_text_encoder(encoder, tokenizer, **options.text_encoder.model_dump()),
    }
    with atomic_write(output) as folder:
        autoencoder.save_pretrained(folder / "vae")
        encoder.save_pretrained(folder / "text_encoder")
        tokenizer.save_pretrained(folder / "tokenizer")
        _finish(folder, options.model_dump(), figures)


def train_diffusion(fit: DenoiserFit, shared: Path, painter: Path, editor: Path) -> None:
    """Train one UNet on the autoencoder and text encoder in `shared`; save it as `painter` and as `editor`."""
    check_model_folder(shared)
    with explained_loading(shared, "an autoencoder and a text encoder"):
        autoencoder = vae.PatchAutoencoder.from_pretrained(shared / "vae", use_safetensors=True)
        encoder = text_encoder.LayoutTextEncoder.from_pretrained(shared / "text_encoder", use_safetensors=True)
        tokenizer = text_encoder.PreTrainedTokenizerFast.from_pretrained(shared / "tokenizer")
    unet = diffusion.build_unet(fit.channels, seed=fit.seed)
    examples = diffusion.draw_examples(autoencoder, tokenizer, fit.examples, fit.seed)
    training = fit.model_dump(exclude={"examples", "channels"})
    figures = diffusion.pretrain_unet(unet, encoder, tokenizer, examples, **training)
    for kind, output, part in (("painter", painter, diffusion.painter_unet(unet)), ("editor", editor, unet)):
        with atomic_write(output) as folder:
            pipeline = diffusion.assemble(kind, autoencoder, encoder, tokenizer, part)
            pipeline.to(torch.float16).save_pretrained(folder)
            _finish(folder, fit.model_dump(), figures)


def train_checker(fit: Fit, output: Path) -> None:
    """Train the checker into `output`."""
    model, figures = checker.pretrain_checker(**fit.model_dump())
    with atomic_write(output) as folder:
        model.save_pretrained(folder)
        _finish(folder, fit.model_dump(), figures)
