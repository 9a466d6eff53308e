#!/bin/sh -e
# Run by Snakemake in the repository's root, inside the environment of viper.yaml.
python -m pip install --disable-pip-version-check -r envs/cpu.txt
python -m pip install --disable-pip-version-check --no-deps -r envs/cpu-nodeps.txt
python -m pip install --disable-pip-version-check --no-deps --no-build-isolation -e .
cp envs/torchvision.pth "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/viper_torchvision.pth"
