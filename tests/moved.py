"""Whether a run has the bytes of a run before everything moved: `python tests/moved.py OLD NEW [--scale smoke]`.

Run seeds were the outermost folder, and tables and figures lay in two folders; now lineages come first, and each target
has a folder. What was not compared, and why, is listed as well. Exit status: 1 where a file differs or is missing.
"""

import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

# Old path below the repository → new one. {S} is the scale; the first that fits counts.
MOVES = [
    (r"data/{S}/seed(\d+)/(seeds|truth)/(.+)", r"data/{S}/\2/seed\1/\3"),
    (r"data/{S}/seed(\d+)/synthesis/([^/]+)/(\w+)/(.+)", r"data/{S}/synthesis/\2/\3/seed\1/\4"),
    (r"data/{S}/seed(\d+)/dataset/([^/]+)/(.+)", r"data/{S}/dataset/\2/seed\1/\3"),
    (r"data/{S}/seed(\d+)/cold/(.+)", r"data/{S}/cold/seed\1/\2"),
    (r"models/{S}/seed(\d+)/([^/]+)/(.+)", r"models/{S}/\2/seed\1/\3"),
    (r"results/{S}/metrics/seed(\d+)/([^/]+)/(.+)", r"results/{S}/metrics/\2/seed\1/\3"),
    (r"results/{S}/attention/seed(\d+)/(.+)\.parquet", r"results/{S}/attention/\2/seed\1.parquet"),
    (r"results/{S}/predictions/seed(\d+)/([^/]+)/([^/]+)/(.+)", r"results/{S}/predictions/\3/\2/seed\1/\4"),
    (r"results/{S}/predictions/([^/]+)/([^/]+)/(.+)", r"results/{S}/predictions/\2/\1/\3"),
    (r"results/{S}/scores\.json", r"results/{S}/main/scores.json"),
    (r"results/{S}/pages/(.+)", r"results/{S}/report/\1"),
    (r"results/{S}/tables/(tau.+)", r"results/{S}/threshold/\1"),
    (r"results/{S}/tables/fidelity(.+)", r"results/{S}/measure_base_models/fidelity\1"),
    (r"results/{S}/tables/synthesis_audit(.+)", r"results/{S}/audit_synthesis/synthesis_audit\1"),
    (r"results/{S}/tables/(timings|cost)(.+)", r"results/{S}/report/\1\2"),
    (r"results/{S}/tables/(attention|words)(.+)", r"results/{S}/{target}/\1\2"),
    (r"results/{S}/figures/(attention|wordcloud)\.(.+)", r"results/{S}/{target}/\1.\2"),
    (r"results/{S}/tables/claims\.(.+)", r"results/{S}/claims/claims.\1"),
    (r"results/{S}/(?:tables|figures)/((ablation_(?:stages|mixed_rl|cold_start|sft)).*)", r"results/{S}/\2/\1"),
    (r"results/{S}/(?:tables|figures)/(.+)", r"results/{S}/main/\1"),
    (r"(data/{S}/benchmarks/.+)", r"\1"),
    (r"(models|work)/{S}/seed(\d+)/([^/]+)", r"\1/{S}/\3/seed\2"),
]
# What says when and how long a run was.
OF_THE_RUN = {r".*\.provenance\.json": "a record of the run", r"results/.*/(timings|cost)\.(csv|html)": "its times"}
TARGETS = {"attention": "figure_attention", "words": "figure_wordcloud", "wordcloud": "figure_wordcloud"}
_ID = re.compile(rb"[0-9a-f]{64}")
_PATH = re.compile(r"(?:data|models|work)/[\w./+-]+")


def moved(path: str, scale: str) -> str | None:
    """Where an old path lies now; None where it is not known."""
    for before, after in MOVES:
        if found := re.fullmatch(before.replace("{S}", scale), path):
            target = next((TARGETS[each] for each in found.groups() if each in TARGETS), "")
            return found.expand(after.replace("{S}", scale).replace("{target}", target))
    return None


def compared(old: Path, new: Path, scale: str) -> str:
    """'identical', or how two files differ."""
    if not new.is_file():
        return "missing"
    before, after = old.read_bytes(), new.read_bytes()
    if before == after:
        return "identical"
    if old.name == "manifest.json":
        before, after = (json.loads(text)["files"] for text in (before, after))
        others = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        return "all but the paths in training_config.json" if others == {"training_config.json"} else "DIFFERENT"
    if old.name == "training_config.json":
        text = _PATH.sub(lambda path: moved(path.group(), scale) or path.group(), before.decode())
        is_same = _ID.sub(b"", text.encode()) == _ID.sub(b"", after)  # that of the parent's manifest, which lists this
        return "the same but for paths" if is_same else "DIFFERENT"
    if old.name == "train.csv":
        before, after = (pd.read_csv(path).drop(columns="seconds") for path in (old, new))
        return "the same but for seconds" if before.equals(after) else "DIFFERENT"
    if old.suffix in (".png", ".svg"):
        is_same = _picture(old, before) == _picture(new, after)
        return "the same but for the hash of its command" if is_same else "DIFFERENT"
    return "DIFFERENT"


def _picture(path: Path, content: bytes) -> str:
    """A digest of a picture's pixels, or of its lines, without the hash of what it was made from."""
    if path.suffix == ".png":
        from PIL import Image

        content = Image.open(path).convert("RGBA").tobytes()
    return hashlib.sha256(_ID.sub(b"", content)).hexdigest()


def main(old: Path, new: Path, scale: Annotated[str, typer.Option()] = "smoke") -> None:
    """Compare what two checkouts made at a scale."""
    counts, wrong = Counter(), []
    for area in ("data", "models", "results"):
        for path in sorted((old / area / scale).rglob("*")):
            name = path.relative_to(old).as_posix()
            if not path.is_file() or path.name.startswith(".") or "pretrained" in name:
                continue
            if why := next((why for form, why in OF_THE_RUN.items() if re.fullmatch(form, name)), None):
                counts[f"not compared: {why}"] += 1
                continue
            target = moved(name, scale)
            verdict = compared(path, new / target, scale) if target else "no place known"
            counts[f"{area}: {verdict}"] += 1
            if verdict in ("DIFFERENT", "missing", "no place known"):
                wrong.append(f"{verdict:10} {name} → {target}")
    for kind, count in sorted(counts.items()):
        typer.echo(f"{count:5} {kind}")
    for line in wrong:
        typer.echo(line)
    raise typer.Exit(1 if wrong else 0)


if __name__ == "__main__":
    typer.run(main)
