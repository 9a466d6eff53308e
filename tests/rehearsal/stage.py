"""The stage of a rehearsal: a server with everything that a scale downloads, and a copy of the repository to run in."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rehearsal import benchmarks, hub_models
from rehearsal.photographs import pictures, write_photographs
from rehearsal.server import Hub
from repository import Checkout, copy, environment
from viper.completion import write
from viper.config.loading import load

HERE = Path(__file__).parent
POLLING_FAST = HERE.parent / "workflow" / "slurm" / "snakemake_polling_fast.py"
OVERLAY = HERE / "overlay.yaml"
PHOTOGRAPHS = 16
COLD_SAMPLES = 4


def fill_hub(root: Path, scale: str) -> dict[str, str]:
    """Everything that a scale downloads, below `root` as `rehearsal.server` serves it; return the MD5s of tables."""
    pinned = load(scale).models.hub
    folders = {name: root / "models" / name.partition("@")[0] for name in pinned_models(scale)}
    for folder in folders.values():
        folder.mkdir(parents=True)
    models = {part: folders[name] for part, name in pinned.items()}
    for name in folders.keys() - pinned.values():
        hub_models.write_other_vlm(folders[name])
    hub_models.write_vlm(models["vlm"], tied=scale == "3b")
    hub_models.write_pipeline(models["painter"], edits=False)
    hub_models.write_pipeline(models["editor"], edits=True)
    hub_models.write_embedder(models["embedder"])
    benchmarks.write_mme_realworld(root / "datasets" / "yifanzhang114" / "MME-RealWorld-Base64")
    benchmarks.write_mantis(root / "datasets" / "TIGER-Lab" / "Mantis-Eval")
    benchmarks.write_crpe_pictures(root)
    return benchmarks.write_tables(root)


def pinned_models(scale: str) -> set[str]:
    """The models that a scale, or a variant that something is made under, takes from the hub."""
    described = load(scale)
    return {name for variant in described.used_variants for name in described.under(variant).models.hub.values()}


def write_cold_start(path: Path) -> None:
    """Reasoning of a stronger model, which a user brings: JSON Lines with pictures beside it."""
    lines = []
    for number, picture in enumerate(pictures(COLD_SAMPLES)):
        name = f"cold/{number}.jpg"
        (path.parent / name).parent.mkdir(parents=True, exist_ok=True)
        picture.save(path.parent / name)
        completion = write("I look at each part of the picture.", "A cup stands on the table.")
        lines.append(json.dumps({"prompt": "What does the picture show?", "images": [name], "completion": completion}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@dataclass
class Stage:
    """A copy of the repository in which a scale is rehearsed.

    Attributes:
        variables: of the environment, that lead its processes to the server, the cluster and the stand-ins.
    """

    checkout: Checkout
    hub: Hub
    scale: str
    variables: dict[str, str]

    @property
    def root(self) -> Path:
        """The folder of the copy."""
        return self.checkout.root

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start `snakemake --profile slurm` at the scale under the overlay; the arguments may begin with options."""
        command = [sys.executable, str(POLLING_FAST), "--profile", "slurm", "--configfile", str(OVERLAY)]
        return subprocess.Popen(
            [*command, "--config", f"scale={self.scale}", *arguments],
            cwd=self.root,
            env=environment(self.root, **self.variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def set_stage(folder: Path, hub: Hub, scale: str, md5: dict[str, str], cluster: dict[str, str]) -> Stage:
    """Copy the repository into `folder`/checkout, with what a user brings: photographs and samples for the cold start.

    Args:
        md5: of the tables that `hub` serves.
        cluster: variables that lead to the cluster.
    """
    facts = {
        "endpoint": hub.endpoint,
        "md5": md5,
        "constants": {
            "viper.evaluation.mme_realworld": {"ITEMS": benchmarks.MME_CHUNKS},
            "viper.evaluation.crpe_pictures": {"COCO": f"{hub.endpoint}/"},
        },
    }
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
    made = copy(folder / "checkout", ("store", "dvc.yaml", ".dvc/config", ".dvc/.gitignore"))
    write_photographs(made.root / "data" / "photographs", PHOTOGRAPHS)
    write_cold_start(made.root / "data" / "cold_start.jsonl")
    variables = {
        **cluster,
        "VIPER_STEPS": str(Path(sys.executable).parent),  # jobs take no orders here
        "PYTHONPATH": f"{made.root / 'src'}:{HERE / 'stand_ins'}",
        "REHEARSAL": str(folder / "facts.json"),
        "HF_ENDPOINT": hub.endpoint,
        "HF_HUB_DISABLE_XET": "1",
        "NO_PROXY": "*",
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    return Stage(made, hub, scale, variables)
