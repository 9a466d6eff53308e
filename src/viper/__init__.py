"""ViPER as a workflow: self-evolution of visual perception in vision-language models (arXiv 2510.24285)."""


def __getattr__(name: str):
    """Classes that saved pipelines name as `viper.<class>` (in model_index.json), imported when asked for."""
    if name == "PatchAutoencoder":
        from viper.models.micro.vae import PatchAutoencoder

        return PatchAutoencoder
    raise AttributeError(f"module 'viper' has no attribute {name!r}")
