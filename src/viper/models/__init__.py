"""VLM, painter, editor and embedder behind small interfaces; importing this package makes torchvision importable."""

from viper.models import torchvision_shim  # noqa: F401  (must run before transformers or diffusers look for torchvision)
