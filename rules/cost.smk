# What a run was planned to take, and what it took. Before a run: `python -m viper cost --scale SCALE`.
import json

from viper.workflow.declaration import as_argument


rule cost:
    """What the main experiment was planned to take by the rates, and what it took: hours, disk, longest path."""
    input:
        MAIN,
    output:
        f"{TABLES}/cost.csv",
    params:
        scale=SCALE,
        # Without the scale, which has its own option: `--config scale=micro` changes nothing where it is the default.
        config=as_argument(
            json.dumps({key: value for key, value in viper.config.changes(*GIVEN).items() if key != "scale"})
        ),
    shell:
        "python -m viper cost --scale {params.scale:q} --target main --config {params.config:q} --output {output:q}"
        " > {log:q} 2>&1"
