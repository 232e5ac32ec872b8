"""`weir query`: read the numbers, ask what people did, watch numbers change."""

import typer

from cli.lazy import CommandEntry, lazy_group

ENTRIES = {
    "rollup": CommandEntry(
        "cli.commands.query_rollup", "rollup_cells", "Show the cells of one rollup."
    ),
    "cohorts": CommandEntry(
        "cli.commands.query_cohorts",
        "cohort_sizes",
        "Show how many of the people who entered in a period were active in each later one.",
    ),
    "funnel": CommandEntry(
        "cli.commands.query_funnel",
        "funnel",
        "Show how many people went through steps, where they stopped, and how long it took them.",
    ),
    "paths": CommandEntry(
        "cli.commands.query_paths",
        "paths",
        "Show what people did next after an event, or before it, step by step.",
    ),
    "segments": CommandEntry(
        "cli.commands.query_segments",
        "segments",
        "Show how many people did some things so often, and others not.",
    ),
    "gauge": CommandEntry(
        "cli.commands.query_gauge",
        "gauge_values",
        "Show how many people, or sessions, are there now, in all and in each group.",
    ),
    "metric": CommandEntry(
        "cli.commands.query_metric", "metric_values", "Show what a metric was, period by period."
    ),
    "result": CommandEntry(
        "cli.commands.query_result",
        "job_result",
        "Show what a job of the catalog wrote down of a period.",
    ),
    "watch": CommandEntry(
        "cli.commands.query_rollup",
        "watch",
        "Print the numbers of the current buckets, and every change until interrupted.",
    ),
}

app = typer.Typer(
    cls=lazy_group(ENTRIES), no_args_is_help=True, help="Read the numbers; watch them change."
)


@app.callback()
def query() -> None:
    """Read the numbers; watch them change."""
