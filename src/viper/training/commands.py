"""Commands of training: `train` runs one phase, `cold-samples` writes what a cold start learns from."""

from pathlib import Path
from typing import Annotated

import typer

from viper.config.options import read_options
from viper.errors import ViperError


def register(app: typer.Typer) -> None:
    """Add the commands of this area to the command line."""

    @app.command()
    def train(
        parent: Annotated[Path, typer.Option(help="Manifest of the checkpoint to start from.")],
        data: Annotated[list[Path], typer.Option(help="Parquet data set; repeat to shuffle several together.")],
        options: Annotated[str, typer.Option(help="JSON: phase, machine, records; see viper.config.training.")],
        work: Annotated[Path, typer.Option(help="Folder that an interrupted run goes on from; removed at the end.")],
        model: Annotated[Path, typer.Option(help="Folder of the trained checkpoint to write.")],
        metrics: Annotated[Path, typer.Option(help="Metrics per step to write (.csv); beside it: rollouts.jsonl.")],
        seed: Annotated[int, typer.Option(help="Seed of order, sampling and initialization.")],
        lineage: Annotated[str, typer.Option(help="Name of the checkpoint, for its record.")],
        reward: Annotated[str | None, typer.Option(help="JSON: the reward section; needed by method grpo.")] = None,
        tau: Annotated[Path | None, typer.Option(help="Calibrated threshold (.json), if asked for.")] = None,
        processor: Annotated[str, typer.Option(help="JSON: options of the model's processor.")] = "{}",
    ) -> None:
        """Train one phase from its parent's checkpoint; an interrupted run goes on from its last checkpoint."""
        import json

        from viper.config.reward import Reward as RewardSection
        from viper.config.training import Grpo, TrainOptions
        from viper.files import explain_failed_write
        from viper.locking import only_writer
        from viper.processes import work_together

        checked = read_options(TrainOptions, options, "--options")
        work_together(checked.machine.devices, launched=checked.machine.accelerate_config is not None)
        notes, scorer = {"lineage": lineage}, None
        if isinstance(checked.phase, Grpo) and reward is not None:
            section = read_options(RewardSection, reward, "--reward")
            scorer, threshold = _scorer(section, tau)
            notes |= {"reward": section.model_dump(mode="json", exclude={"calibration"}), "tau": threshold}

        from viper.training.run import Places
        from viper.training.run import train as run

        with only_writer(work), explain_failed_write(work.parent):
            run(
                checked,
                Places(parent=parent, data=tuple(data), work=work, model=model, metrics=metrics),
                seed=seed,
                scorer=scorer,
                processor_options=json.loads(processor),
                notes=notes,
            )

    @app.command("cold-samples")
    def cold_samples(
        options: Annotated[str, typer.Option(help="JSON: the section training.cold_start.")],
        seed: Annotated[int, typer.Option(help="Seed of the samples.")],
        out: Annotated[Path, typer.Option(help="Parquet file to write: images, prompt, completion.")],
    ) -> None:
        """Write the chain-of-thought samples of the cold start."""
        from viper.config.training import ColdStart

        section = read_options(ColdStart, options, "--options")

        from viper.training.cold_start import write_samples

        write_samples(section, seed=seed, out=out)


def _scorer(section, tau: Path | None):
    """The paper's reward with its threshold, and that threshold."""
    from viper.models.embedder import SentenceEmbedder
    from viper.reward.scoring import Reward
    from viper.reward.tau import read_tau

    if section.tau != "calibrated":
        threshold = section.tau
    elif tau is None:
        raise ViperError("reward.tau is 'calibrated': pass the file that calibrate-tau wrote as --tau")
    else:
        threshold = read_tau(tau, section.embedder.path)
    return Reward(SentenceEmbedder(section.embedder), section, threshold), threshold
