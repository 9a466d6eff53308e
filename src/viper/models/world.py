"""The models' door to the drawn world: base models that are trained on it, and how good they are in it."""

from pathlib import Path
from typing import TYPE_CHECKING

from viper.config.models import Models
from viper.config.pretraining import DenoiserFit, Fit, LatentsFit, VlmFit

if TYPE_CHECKING:
    import pandas as pd

# Modules that hold classes of saved pipelines, which their model_index.json names.
COMPONENTS = {
    "microworld.base_models.layout_unet",
    "microworld.base_models.text_encoder",
    "microworld.base_models.vae",
}


def train_vlm(options: VlmFit, output: Path) -> None:
    """See `microworld.base_models.pretrain`, as for the functions below."""
    from microworld.base_models import pretrain

    pretrain.train_vlm(options, output)


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
