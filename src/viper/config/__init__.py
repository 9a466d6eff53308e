"""Parameters: one module per section of params.yaml, their whole in `schema`, and reading them with `load`."""

from viper.config.loading import changes, load, read_run, validate

__all__ = ["changes", "load", "read_run", "validate"]
