"""Commands: `reward` scores a file so that people can see why; `calibrate-tau` chooses the threshold."""

import codecs
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from viper.config.options import Options, read_options
from viper.errors import ViperError


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows {"completion": str or null, "ground_truth": [str, …]} of a JSON Lines file; blank lines are skipped.

    The file is a user's own, so all that is wrong with it is said at once, with or without a byte order mark.

    Raises:
        ViperError: the file cannot be read, or rows are malformed: each with its line number (the first ten).
    """
    try:
        lines = path.read_bytes().removeprefix(codecs.BOM_UTF8).split(b"\n")
    except OSError as error:
        raise ViperError(f"{path}: cannot be read ({error.strerror}); name a JSON Lines file") from error
    rows, problems = [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        problem, row = _read_row(line)
        if problem:
            problems.append(f"{path}, line {number}: {problem}")
        rows.append(row)
    if problems:
        more = [f"… and {len(problems) - 10} lines more"] if len(problems) > 10 else []
        raise ViperError("\n".join(problems[:10] + more))
    if not rows:
        raise ViperError(f'{path}: has no rows; each line is {{"completion": "…", "ground_truth": ["…"]}}')
    return rows


def _read_row(line: bytes) -> tuple[str | None, dict[str, Any]]:
    """What is wrong with a line (None: nothing), and its content."""
    from viper.reward.sentences import normalize

    try:
        row = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_without_doubles)
    except UnicodeDecodeError as error:
        return f"not UTF-8 text (byte {error.start} of the line)", {}
    except RecursionError:
        return "not readable JSON (nested too deeply)", {}
    except ValueError as error:
        return f"not valid JSON ({error})", {}
    if not isinstance(row, dict):
        return f"must be an object, found {type(row).__name__}", {}
    missing = [key for key in ("completion", "ground_truth") if key not in row]
    if missing:
        return f"lacks {' and '.join(map(repr, missing))}", {}
    if not isinstance(row["completion"], str | None):
        return f"'completion' must be a text, or null for none, found {type(row['completion']).__name__}", {}
    truth = row["ground_truth"]
    if not isinstance(truth, list) or not truth or not all(isinstance(item, str) and normalize(item) for item in truth):
        return "'ground_truth' must be a list of at least one string, none of them blank", {}
    return None, row


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Python's reader keeps the last of several values of one key."""
    if doubled := [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]:
        raise ValueError(f"the key {doubled[0]!r} stands there twice")
    return dict(pairs)


def _refuse_constant(name: str) -> None:
    """Python's reader takes NaN and Infinity, which JSON does not have."""
    raise ValueError(f"{name} is no JSON number")


def register(app: typer.Typer) -> None:
    """Add the commands of this area to the command line."""

    @app.command()
    def reward(
        file: Annotated[Path, typer.Argument(help='JSON Lines: {"completion": "…", "ground_truth": ["…"]}')],
        embedder: Annotated[str | None, typer.Option(help="Overrides the scale's reward.embedder.path.")] = None,
        tau: Annotated[float | None, typer.Option(min=-1, max=1, help="Overrides the scale's reward.tau.")] = None,
        scale: Annotated[str | None, typer.Option(help="Scale in params.yaml; default: its own.")] = None,
    ) -> None:
        """Score completions; print one JSON line each: format, correct, reward, and every sentence's best match."""
        from viper.config import load
        from viper.reward.tau import resolve_tau

        rows = read_rows(file)
        section = load(scale).reward
        if embedder and embedder != section.embedder.path:
            if tau is None:
                # Thresholds do not carry over: the same cosine means something else to another embedder.
                typer.echo(f"warning: tau is that of {section.embedder.path}; choose --tau for {embedder}", err=True)
                tau = resolve_tau(section, _scale_name(scale))
            section = section.model_copy(update={"embedder": section.embedder.model_copy(update={"path": embedder})})
        if tau is None:
            tau = resolve_tau(section, _scale_name(scale))

        from viper.models.embedder import SentenceEmbedder
        from viper.reward.scoring import Reward

        scores = Reward(SentenceEmbedder(section.embedder), section, tau).score(
            [row["completion"] for row in rows], [row["ground_truth"] for row in rows]
        )
        for score in scores:
            typer.echo(json.dumps(asdict(score), ensure_ascii=False))

    @app.command("calibrate-tau")
    def calibrate_tau(
        options: Options,
        roc: Annotated[Path, typer.Option(help="Table to write: rates at every threshold (.csv).")],
        pairs: Annotated[Path, typer.Option(help="Table to write: the pairs and their cosines (.csv).")],
        choice: Annotated[Path, typer.Option(help="The chosen threshold to write (.json).")],
    ) -> None:
        """Choose tau for the embedder from labelled sentence pairs, and write the evidence."""
        from viper.files import atomic_write
        from viper.models.embedder import SentenceEmbedder
        from viper.reward import world
        from viper.reward.calibration import choose_tau, measure, rates_by_kind, roc_table
        from viper.reward.pairs import read_pairs

        section = read_options(options).reward
        how = section.calibration
        labelled = world.draw_pairs(how.sentences, how.seed) if how.pairs == "world" else read_pairs(how.pairs)
        table = measure(labelled, SentenceEmbedder(section.embedder))
        chosen = choose_tau(table, how.max_false_positive_rate)
        record = {
            "tau": chosen.tau,
            "embedder": section.embedder.path,
            "reason": chosen.reason,
            "auc": round(chosen.auc, 6),
            "true_positive_rate": round(chosen.true_positive_rate, 6),
            "false_positive_rate": round(chosen.false_positive_rate, 6),
            "pairs": how.pairs,
            "by_kind": rates_by_kind(table, chosen.tau),
        }
        with atomic_write(pairs) as path:
            table.to_csv(path, index=False)
        with atomic_write(roc) as path:
            roc_table(table).round(7).to_csv(path, index=False)
        with atomic_write(choice) as path:
            path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        typer.echo(f"tau = {chosen.tau:.6f}: {chosen.reason} (AUC {chosen.auc:.3f})", err=True)


def _scale_name(scale: str | None) -> str:
    """The scale asked for, or the one that params.yaml names."""
    if scale is not None:
        return scale
    from viper.config.loading import read

    return str(read().get("scale"))
