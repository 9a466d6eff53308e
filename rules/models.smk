# Base models. `models.source` says where their folders come from, so that nobody trains or downloads them by accident:
#   stored   fetched from the DVC store inside the repository (the default at micro scale)
#   trained  made by the rules pretrain_* below (hours)
#   hub      downloaded by name (paper scale)

PRETRAINED = f"models/{SCALE}/pretrained"
STORED = "models/micro/pretrained"
PARTS = ["vlm", "painter", "editor", "checker"]

if S.models.source == "stored":

    rule fetch_pretrained:
        """Fetch the base models from the store inside the repository."""
        input:
            "models/micro/pretrained.dvc",
        output:
            expand("{folder}/{part}/manifest.json", folder=STORED, part=PARTS),
        log:
            f"logs/{SCALE}/fetch_pretrained.log",
        benchmark:
            f"benchmarks/{SCALE}/fetch_pretrained.tsv"
        conda:
            "../envs/viper.yaml"
        threads: 1
        resources:
            mem_mb=per_attempt(4000),
            runtime=per_attempt(30),
        shell:
            # The manifests come with the time of their making, which may be older than the .dvc file.
            "dvc pull {input} > {log} 2>&1 && touch {output}"


if S.models.source == "hub":

    rule download_pretrained:
        """Download one base model from the model hub, at the revision named in params.yaml."""
        output:
            f"{PRETRAINED}/{{part}}/manifest.json",
        log:
            f"logs/{SCALE}/download_pretrained/{{part}}.log",
        benchmark:
            f"benchmarks/{SCALE}/download_pretrained/{{part}}.tsv"
        conda:
            "../envs/viper.yaml"
        threads: 1
        resources:
            mem_mb=per_attempt(4000),
            runtime=per_attempt(240),
        params:
            name=lambda wildcards: S.models.hub[wildcards.part].partition("@")[0],
            revision=lambda wildcards: S.models.hub[wildcards.part].partition("@")[2] or "main",
            folder=lambda wildcards, output: Path(output[0]).parent,
        shell:
            "(HF_HUB_OFFLINE=0 hf download {params.name:q} --revision {params.revision:q} --local-dir {params.folder:q}"
            " && python -m viper write-manifest {params.folder:q}) > {log} 2>&1"


# Where the stored models lie, nothing may train over them: at micro scale that takes `models.source: trained`.
if S.models.source == "trained" or (S.models.source == "stored" and PRETRAINED != STORED):

    include: "pretrain.smk"

else:

    rule pretrain:
        """The base models, from wherever `models.source` says."""
        input:
            expand(
                "{folder}/{part}/manifest.json",
                folder=PRETRAINED,
                part=list(S.models.hub) if S.models.source == "hub" else PARTS,
            ),


if S.models.checker:

    rule measure_base_models:
        """Against the truth: captions, refinements and operations of the VLM, facts that the painter draws, edits done."""
        input:
            vlm=f"{S.models.vlm.path}/manifest.json",
            painter=f"{S.models.painter.path}/manifest.json",
            editor=f"{S.models.editor.path}/manifest.json",
            checker=f"{S.models.checker}/manifest.json",
        output:
            report(f"results/{SCALE}/tables/fidelity.csv", caption="../docs/report/fidelity.rst", category="Tables"),
        log:
            f"logs/{SCALE}/measure_base_models.log",
        benchmark:
            f"benchmarks/{SCALE}/measure_base_models.tsv"
        conda:
            "../envs/viper.yaml"
        threads: 1
        resources:
            mem_mb=per_attempt(4000),
            runtime=per_attempt(30),
        params:
            options=options("models"),
        shell:
            "python -m viper measure-base-models --options {params.options:q} --output {output} > {log} 2>&1"
