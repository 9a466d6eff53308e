"""Claims with their verdicts as a table in Markdown, the same on the page of all claims and in what is published."""

from collections.abc import Iterable, Mapping


def claims_table(rows: Iterable[Mapping[str, str]]) -> str:
    """The table of some rows of claims.csv, whose columns are `viper.analysis.verdicts.COLUMNS`.

    Args:
        rows: cells as they are written; a claim that nothing measured has none in `measured`.
    """
    return "\n".join(
        ["| claim | published | measured | interval | verdict |", "|---|---|---|---|---|", *map(_line, rows)]
    )


def _line(row: Mapping[str, str]) -> str:
    interval, measured = "–", "–"
    if row["measured"]:
        measured, low, high = (f"{float(row[name]):+.1f}" for name in ("measured", "low", "high"))
        measured += f" ({row['decided_by']})" if row["decided_by"] else ""
        interval = f"[{low}, {high}]" + (f" (margin {float(row['margin']):g})" if float(row["margin"]) else "")
        interval += ", one seed" if row["seeds"] == "1" else ""
    verdict = f"**{row['verdict']}**" + (" (primary claim)" if row["primary"] else "")
    return f"| {row['text']} | {row['published']} | {measured} | {interval} | {verdict} |"
