# How fast the expensive steps are, against plain ways of doing them: `make bench`. Not part of `all`: it measures the
# machine, so its numbers differ from run to run, and it wants the machine to itself.

COMPARED = ["grpo", "preparing", "synthesis", "reward", "evaluation"]


rule bench:
    """Every speed measurement and its figure."""
    input:
        L.bench("size.csv"),
        L.bench("rows.csv"),
        L.bench("speed.png"),


rule measure_speed:
    """One step of the experiment and the plain way of doing it, timed in turns."""
    input:
        [manifest(getattr(S.models, part).path) for part in ("vlm", "painter", "editor")],
    output:
        L.bench("{what}.csv"),
    wildcard_constraints:
        what="|".join(COMPARED),
    threads: os.cpu_count()  # all of `--cores`: nothing else may run beside a measurement
    resources:
        mem_mb=per_attempt(8000),
        runtime=per_attempt(60),
    params:
        sections=["models", "synthesis", "reward", "evaluation"],
    shell:
        "python -m viper measure-speed {wildcards.what:q} --options {params.options:q} --out {output:q}"
        " --threads {threads} 2>&1 | tee {log:q}"


rule measure_size:
    """Seconds and peak memory of the loop on 1, 2, 4 and 8 times the seed images."""
    input:
        [manifest(getattr(S.models, part).path) for part in ("vlm", "painter", "editor")],
    output:
        L.bench("size.csv"),
    threads: os.cpu_count()
    resources:
        mem_mb=per_attempt(8000),
        runtime=per_attempt(60),
    params:
        sections=["models", "synthesis"],
    shell:
        "python -m viper measure-size --options {params.options:q} --out {output:q} --threads {threads}"
        " 2>&1 | tee {log:q}"


rule measure_edit_filter:
    """How often the filter of edits is wrong, on photographs with known edits: false passes and false drops."""
    output:
        L.bench("edit_filter.csv"),
    resources:
        mem_mb=per_attempt(2000),
        runtime=per_attempt(30),
    params:
        sections=["synthesis.edit"],
    shell:
        "python -m viper measure-edit-filter --options {params.options:q} --out {output:q} 2>&1 | tee {log:q}"


rule measure_rows:
    """Memory of the rows that a training reads: against their number, how often they come, and in how many processes."""
    output:
        L.bench("rows.csv"),
    threads: os.cpu_count()
    resources:
        mem_mb=per_attempt(8000),
        runtime=per_attempt(60),
    params:
        sections=[],
    shell:
        "python -m viper measure-rows --out {output:q} 2>&1 | tee {log:q}"


rule plot_speed:
    """How many times as fast each step is, with the spread and what was aimed for."""
    input:
        [L.bench(f"{what}.csv") for what in COMPARED],
    output:
        png=L.bench("speed.png"),
        svg=L.bench("speed.svg"),
        caption=L.bench("speed.rst"),
    params:
        sections=[],
    shell:
        "python -m viper plot-speed {input:q} --output {output.png:q} --output {output.svg:q}"
        " --caption {output.caption:q} > {log:q} 2>&1"
