"""The micro scale's own models, trained from scratch on the drawn world."""

from viper.models import torchvision_shim  # noqa: F401  (before transformers or diffusers look for torchvision)
