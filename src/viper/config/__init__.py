"""Parameters: one module per section of params.yaml, their whole in `schema`, and reading them with `load`."""

from viper.config.loading import load, validate

__all__ = ["load", "validate"]
