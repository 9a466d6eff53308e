"""Entry point of `python -m viper`."""

from viper.cli import main

main()
