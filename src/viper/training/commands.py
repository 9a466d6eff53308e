"""Commands of training: `train` runs one phase, `cold-samples` writes what a cold start learns from."""

from pathlib import Path
from typing import Annotated

import typer

from viper.config.options import Options, read_options
from viper.lineage import phase_of


def register(app: typer.Typer) -> None:
    """Add the commands of this area to the command line."""

    @app.command()
    def train(
        parent: Annotated[Path, typer.Option(help="Manifest of the checkpoint to start from.")],
        data: Annotated[list[Path], typer.Option(help="Parquet data set; repeat to shuffle several together.")],
        options: Options,
        work: Annotated[Path, typer.Option(help="Folder that an interrupted run goes on from; removed at the end.")],
        model: Annotated[Path, typer.Option(help="Folder of the trained checkpoint to write.")],
        metrics: Annotated[Path, typer.Option(help="Metrics per step to write (.csv).")],
        rollouts: Annotated[Path, typer.Option(help="Sampled responses to write (.jsonl).")],
        seed: Annotated[int, typer.Option(help="Seed of order, sampling and initialization.")],
        lineage: Annotated[str, typer.Option(help="Name of the checkpoint, for its record.")],
        tau: Annotated[Path | None, typer.Option(help="Calibrated threshold (.json), if asked for.")] = None,
    ) -> None:
        """Train one phase from its parent's checkpoint; an interrupted run goes on from its last checkpoint."""
        from viper.config.training import Grpo, one_run
        from viper.files import explain_failed_write
        from viper.locking import only_writer
        from viper.processes import work_together

        sections = read_options(options)
        checked = one_run(sections.training, phase_of(lineage))
        work_together(checked.machine.devices, launched=checked.machine.accelerate_config is not None)
        notes, scorer = {"lineage": lineage}, None
        if isinstance(checked.phase, Grpo):
            scorer, threshold = _scorer(sections.reward, tau)
            notes |= {"reward": sections.reward.model_dump(mode="json", exclude={"calibration"}), "tau": threshold}

        from viper.training.run import Places
        from viper.training.run import train as run

        with only_writer(work), explain_failed_write(work.parent):
            run(
                checked,
                Places(parent=parent, data=tuple(data), work=work, model=model, metrics=metrics, rollouts=rollouts),
                seed=seed,
                scorer=scorer,
                processor_options=sections.models.vlm.processor,
                lens=sections.models.vlm.lens,
                notes=notes,
            )

    @app.command("cold-samples")
    def cold_samples(
        options: Options,
        seed: Annotated[int, typer.Option(help="Seed of the samples.")],
        out: Annotated[Path, typer.Option(help="Parquet file to write: images, prompt, completion.")],
    ) -> None:
        """Write the chain-of-thought samples of the cold start."""
        from viper.training.cold_start import write_samples

        write_samples(read_options(options).training.cold_start, seed=seed, out=out)


def _scorer(section, tau: Path | None):
    """The paper's reward with its threshold, and that threshold."""
    from viper.models.embedder import SentenceEmbedder
    from viper.reward.scoring import Reward
    from viper.reward.tau import given_tau

    threshold = given_tau(section, tau)
    return Reward(SentenceEmbedder(section.embedder), section, threshold), threshold
