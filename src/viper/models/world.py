"""The models' door to the drawn world: base models trained on it, how good they are in it, and what draws it."""

from pathlib import Path
from typing import TYPE_CHECKING

from viper.config.models import Models
from viper.config.pretraining import DenoiserFit, Fit, LatentsFit, VlmFit

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from viper.models.base import Editor, Painter

# Modules that hold classes of saved pipelines, which their model_index.json names.
COMPONENTS = {
    "microworld.base_models.layout_unet",
    "microworld.base_models.text_encoder",
    "microworld.base_models.vae",
}


def train_vlm(options: VlmFit, output: Path, work: Path) -> None:
    """See `microworld.base_models.pretrain`, as for the functions below."""
    from microworld.base_models import pretrain

    pretrain.train_vlm(options, output, work)


def train_latents(options: LatentsFit, output: Path) -> None:
    """Train what painter and editor share."""
    from microworld.base_models import pretrain

    pretrain.train_latents(options, output)


def train_diffusion(fit: DenoiserFit, shared: Path, painter: Path, editor: Path) -> None:
    """Train painter and editor."""
    from microworld.base_models import pretrain

    pretrain.train_diffusion(fit, shared, painter, editor)


def train_checker(options: Fit, output: Path) -> None:
    """Train the checker that audits painter and editor."""
    from microworld.base_models import pretrain

    pretrain.train_checker(options, output)


def measure(models: Models, caption_temperature: float) -> "pd.DataFrame":
    """VLM, painter and editor against the truth; see `microworld.base_models.fidelity`."""
    from microworld.base_models import fidelity

    return fidelity.measure(models, caption_temperature)


def painter() -> "Painter":
    """What draws captions without a mistake; see `microworld.adapters.hands`."""
    from microworld.adapters.hands import WorldPainter

    return WorldPainter()


def editor() -> "Editor":
    """What edits drawn pictures without a mistake."""
    from microworld.adapters.hands import WorldEditor

    return WorldEditor()


def corrupt(text: str, share: float, rng: "np.random.Generator") -> str:
    """A text with a share of its facts wrong; see `microworld.corruption.corrupt`."""
    from microworld.corruption import corrupt

    return corrupt(text, share, rng)
