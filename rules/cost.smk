# What a run was planned to take, and what it took. Before a run: `python -m viper cost --scale SCALE`.


rule cost:
    """What the main experiment was planned to take by the rates, and what it took: hours, disk, longest path."""
    input:
        MAIN,
    output:
        L.table(REPORT, "cost"),
    params:
        scale=SCALE,
        config=CONFIG,
    shell:
        "python -m viper cost --scale {params.scale:q} --target main --config {params.config:q} --output {output:q}"
        " > {log:q} 2>&1"
