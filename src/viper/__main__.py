"""Entry point of `python -m viper`."""

from viper.cli import main

if __name__ == "__main__":  # a process that is spawned imports it too
    main()
