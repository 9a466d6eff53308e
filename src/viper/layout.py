"""Where everything lies: every path that a rule writes is spelled here, and nowhere else.

    data/SCALE/            what training and evaluation read, by kind, lineage and seed
    models/SCALE/          checkpoints, by lineage and seed
    results/SCALE/         what every experiment reads: metrics, predictions, attention, by lineage and seed
    results/SCALE/TARGET/  what one target makes of it: tables and figures
    results/recorded/      the recorded run, in git

The seed is always the innermost folder, so that what is recorded of a lineage is one folder, however many seeds it
was run with. A run with other seeds than the scale's own has folders of its own for its tables and figures.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

DATA, MODELS, RESULTS, WORK = "data", "models", "results", "work"
PILOT = "pilot"  # in place of the number of a shard
BENCHMARKS = "benchmarks"  # below data/SCALE/
MANIFEST = "manifest.json"  # as in viper.manifest, which must not run again because a path moved
RECORDED = "recorded"  # below results/, beside the scales
# Folders of results/SCALE/ that are no target's: what experiments share.
METRICS, PREDICTIONS, ATTENTION = "metrics", "predictions", "attention"
SHARED = (METRICS, PREDICTIONS, ATTENTION)
ONCE = ("threshold", "measure_base_models", "bench")  # targets whose tables have nothing to do with seeds
REPORT = "report"  # beside the targets: pages, run times, costs
_SEED = re.compile(r"seed(\d+)")
_BOUND = 2**32  # of a seed
_APART = re.compile(r"-seeds?(\d+(?:-\d+)*)$")


@dataclass(frozen=True)
class Layout:
    """The paths of one scale, relative to the repository. What is not given is a wildcard of Snakemake's.

    Attributes:
        scale: its name.
        apart: what the folders of tables and figures have behind their name, see `apart`.
    """

    scale: str
    apart: str = ""

    # --- data

    def images(self, *, seed: int | str = "{seed}", shard: int | str = "{shard}") -> str:
        """A shard of the seed images."""
        return f"{DATA}/{self.scale}/images/seed{seed}/shard{shard}.parquet"

    def skipped(self, *, seed: int | str = "{seed}", more: str = "") -> str:
        """Which photographs, or which of those that joined as `more`, could not be used, counted by reason."""
        return f"{DATA}/{self.scale}/images/seed{seed}/skipped{more and f'-{more}'}.csv"

    def pilot_images(self, *, seed: int | str = "{seed}") -> str:
        """The seed images that the loop is tried on."""
        return self.images(seed=seed, shard=PILOT)

    def forecast(self, *, lineage: str = "{lineage}", seed: int | str = "{seed}") -> str:
        """How many rows the data sets of a lineage will have, by its pilot."""
        return f"{DATA}/{self.scale}/synthesis/{lineage}/forecast/seed{seed}/yield.csv"

    def truth(self, *, seed: int | str = "{seed}", shard: int | str = "{shard}") -> str:
        """What is in a shard of drawn seed images; only audits read it, and labels that are to be true."""
        return f"{DATA}/{self.scale}/truth/seed{seed}/shard{shard}.jsonl"

    def synthesis(
        self,
        step: str,
        *,
        lineage: str = "{lineage}",
        seed: int | str = "{seed}",
        shard: int | str = "{shard}",
    ) -> str:
        """The table of one step of the loop ('captions', …) and shard."""
        return f"{DATA}/{self.scale}/synthesis/{lineage}/{step}/seed{seed}/shard{shard}.parquet"

    def dataset(self, file: str, *, lineage: str = "{lineage}", seed: int | str = "{seed}") -> str:
        """A file of the data sets that a lineage synthesized: 'csr/train.parquet', 'README.md', …"""
        return f"{DATA}/{self.scale}/dataset/{lineage}/seed{seed}/{file}"

    def cold(self, *, seed: int | str = "{seed}") -> str:
        """The chain-of-thought samples of the cold start."""
        return f"{DATA}/{self.scale}/cold/seed{seed}/train.parquet"

    def asked(self, file: str, *, lineage: str = "{lineage}", seed: int | str = "{seed}") -> str:
        """What a lineage says of single captions, beside the model that made its data, and whose mistake it is."""
        return f"{DATA}/{self.scale}/asked/{lineage}/seed{seed}/{file}"

    def benchmark(self, *, split: str = "{split}", name: str = "{name}") -> str:
        """The questions of one benchmark and split."""
        return f"{DATA}/{self.scale}/{BENCHMARKS}/{split}/{name}.tsv"

    # --- models

    def checkpoint(self, *, lineage: str = "{lineage}", seed: int | str = "{seed}") -> str:
        """The manifest of a trained checkpoint."""
        return manifest(f"{MODELS}/{self.scale}/{lineage}/seed{seed}")

    def base_model(self, part: str) -> str:
        """The manifest of a base model that this scale trains itself: 'vlm', 'painter', 'editor', 'checker'."""
        return manifest(f"{MODELS}/{self.scale}/pretrained/{part}")

    def stored_models(self) -> str:
        """The file in git that names the stored base models."""
        return f"{MODELS}/{self.scale}/pretrained.dvc"

    def family_model(self, family: str = "{family}") -> str:
        """The manifest of the base VLM of a further family."""
        return manifest(f"{MODELS}/{self.scale}/families/{family}")

    def stored_families(self) -> str:
        """The file in git that names them, once they are stored."""
        return f"{MODELS}/{self.scale}/families.dvc"

    def latents(self) -> str:
        """The manifest of what painter and editor share while they are pretrained."""
        return manifest(f"{MODELS}/{self.scale}/latents")

    def work(self, *, lineage: str = "{lineage}", seed: int | str = "{seed}") -> str:
        """The folder of a training that is not finished."""
        return f"{WORK}/{self.scale}/{lineage}/seed{seed}"

    def pretraining(self, model: str = "families/{family}") -> str:
        """The folder of a VLM's pretraining that is not finished: of the scale's own, 'vlm', or a further family's."""
        return f"{WORK}/{self.scale}/pretraining/{model}"

    def answering(
        self, *, lineage: str = "{lineage}", split: str = "{split}", seed: int | str | None = "{seed}"
    ) -> str:
        """The folder of an evaluation that is not finished."""
        run = [] if seed is None else [f"seed{seed}"]
        return "/".join([WORK, self.scale, PREDICTIONS, split, lineage, *run])

    def drawing(self, step: str, **run: int | str) -> str:
        """The folder of the pictures of a table of `synthesis` ('reconstructions', 'edits') that is not finished."""
        return f"{WORK}/{self.synthesis(step, **run).removeprefix(f'{DATA}/').removesuffix('.parquet')}"

    def finding(self, *, kind: str = "{kind}") -> str:
        """What a preflight found on a node of one kind, until it is shown."""
        return f"{WORK}/{self.scale}/preflight/{kind}.json"

    # --- results that experiments share

    def metrics(self, file: str, *, lineage: str = "{lineage}", seed: int | str = "{seed}") -> str:
        """What training wrote down ('train.csv', 'rollouts.jsonl'), or what was measured of one checkpoint."""
        return f"{RESULTS}/{self.scale}/{METRICS}/{lineage}/seed{seed}/{file}"

    def predictions(
        self,
        file: str = "{name}.tsv",
        *,
        lineage: str = "{lineage}",
        split: str = "{split}",
        seed: int | str | None = "{seed}",
    ) -> str:
        """Per-item predictions on one benchmark; `seed` is None for what is not trained, the same for every seed."""
        run = [] if seed is None else [f"seed{seed}"]
        return "/".join([RESULTS, self.scale, PREDICTIONS, split, lineage, *run, file])

    def attention(self, *, lineage: str = "{lineage}", seed: int | str = "{seed}") -> str:
        """Measured attention on the pairs that one seed held out."""
        return f"{RESULTS}/{self.scale}/{ATTENTION}/{lineage}/seed{seed}.parquet"

    # --- results of a target

    def table(self, target: str, name: str, end: str = ".csv") -> str:
        """A table, figure or page of a target that compares seeds."""
        return f"{RESULTS}/{self.scale}/{target}{self.apart}/{name}{end}"

    def once(self, target: str, file: str) -> str:
        """A file of a target that has nothing to do with seeds."""
        return f"{RESULTS}/{self.scale}/{target}/{file}"

    def bench(self, file: str) -> str:
        """A measurement of how fast the expensive steps are."""
        return self.once("bench", file)

    def tau(self, folder: str = "") -> str:
        """The similarity threshold that was chosen for the scale's embedder, or for a variant's: 'base~NAME/'."""
        return self.once("threshold", f"{folder}tau.json")

    # --- beside the results

    def log(self, place: str) -> str:
        """What a job printed."""
        return f"logs/{self.scale}/{place}.log"

    def timing(self, place: str) -> str:
        """What Snakemake measured of a job."""
        return f"benchmarks/{self.scale}/{place}.tsv"

    def place_of_timing(self, path: str) -> str:
        """The `place` that `timing` made a path of."""
        return path.removeprefix(f"benchmarks/{self.scale}/").removesuffix(".tsv")


def manifest(folder: str) -> str:
    """The manifest of a model's folder."""
    return f"{folder}/{MANIFEST}"


# --- official benchmarks, in a folder that scales share (`evaluation.folder`)


def official(folder: str, name: str = "{name}") -> str:
    """The published table of a benchmark."""
    return f"{folder}/{name}.tsv"


def given_pictures(folder: str, name: str = "{name}") -> str:
    """The manifest of the pictures that a published table only names."""
    return manifest(f"{folder}/images/{name}")


def unpacked(folder: str, name: str = "{name}") -> str:
    """The manifest of a benchmark's small table and its pictures (`viper.evaluation.unpacked`)."""
    return manifest(f"{folder}/unpacked/{name}")


def picture_hashes(folder: str, name: str = "{name}") -> str:
    """Perceptual hashes of a benchmark's pictures (`viper.synthesis.likeness`)."""
    return f"{folder}/hashes/{name}.csv"


def apart(seeds: Sequence[int], declared: Sequence[int]) -> str:
    """What tells the tables of a run with other seeds than the scale's own from those: '-seed0', '-seeds0-1', or ''."""
    if list(seeds) == list(declared):
        return ""
    return f"-seed{'s' if len(seeds) > 1 else ''}{'-'.join(map(str, seeds))}"


def seeds_apart(folder: str) -> tuple[int, ...]:
    """The seeds that `apart` put behind the name of a target's folder; () where it put nothing."""
    found = _APART.search(folder)
    seeds = tuple(map(int, found.group(1).split("-"))) if found else ()
    is_spelled_so = bool(seeds) and len(set(seeds)) == len(seeds) and folder.endswith(apart(seeds, ()))
    return seeds if is_spelled_so and max(seeds) < _BOUND else ()


def is_of_target(path: str) -> bool:
    """Whether a file is a table, figure or page of a target: below results/SCALE/TARGET/."""
    parts = PurePosixPath(path).parts
    return len(parts) > 3 and parts[0] == RESULTS and parts[1] != RECORDED and parts[2] not in SHARED


def _seed_place(path: str) -> tuple[int, int] | None:
    """Where in a path the seed stands, and which it is. Scales, targets, splits and benchmarks may have any name."""
    parts = PurePosixPath(path).parts
    first, last = 3, len(parts)  # behind area, scale and kind
    if is_of_target(path) or parts[2:3] == (BENCHMARKS,):
        return None
    if parts[2:3] == (PREDICTIONS,):
        first, last = 5, len(parts) - 1  # behind split and lineage, and a folder
    for place in range(first, last):
        if found := _SEED.fullmatch(parts[place].partition(".")[0]):
            return place, int(found.group(1))
    return None


def seed_of(path: str) -> int | None:
    """The seed that a file belongs to; None where it belongs to none, or to all."""
    found = _seed_place(path)
    return found[1] if found else None


def part_of(path: str) -> str:
    """What a file is made and replaced with: the folder of its seed, or else the folder that it lies in."""
    place, found = PurePosixPath(path), _seed_place(path)
    return str(PurePosixPath(*place.parts[: found[0] + 1])) if found else str(place.parent)


def run_of(path: str) -> tuple[str, int]:
    """The lineage and the seed of a file of metrics or of attention: the seed's folder or file, and the one above.

    Raises:
        ValueError: it has another form.
    """
    parts, found = PurePosixPath(path).parts, _seed_place(path)
    if found is None:
        raise ValueError(f"{path}: not LINEAGE/seedN")
    return parts[found[0] - 1], found[1]


def step_of(path: str) -> tuple[str, str, int]:
    """The lineage, step and seed of a table of the synthesis: LINEAGE/STEP/seedN/….

    Raises:
        ValueError: it has another form.
    """
    parts, found = PurePosixPath(path).parts, _seed_place(path)
    if found is None or found[0] < 2:
        raise ValueError(f"{path}: not LINEAGE/STEP/seedN/…")
    return parts[found[0] - 2], parts[found[0] - 1], found[1]


@dataclass(frozen=True)
class Answers:
    """What the path of a file of predictions says.

    Attributes:
        seed: None for a lineage that is not trained.
        benchmark: name of the file of questions.
    """

    lineage: str
    seed: int | None
    split: str
    benchmark: str


def answers_of(path: str) -> Answers:
    """Read a path that `Layout.predictions` spelled.

    Raises:
        ValueError: it has another form.
    """
    match PurePosixPath(path).parts:
        case (area, _, kind, split, lineage, *run, file) if (area, kind) == (RESULTS, PREDICTIONS):
            seeds = [found for part in run if (found := _SEED.fullmatch(part))]
            if len(run) == len(seeds) <= 1:
                seed = int(seeds[0].group(1)) if seeds else None
                return Answers(lineage, seed, split, PurePosixPath(file).stem)
    raise ValueError(f"{path}: not {RESULTS}/SCALE/{PREDICTIONS}/SPLIT/LINEAGE/[seedN/]NAME.tsv")
