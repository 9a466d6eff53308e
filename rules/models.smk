# Base models. `models.source` says where their folders come from, so that nobody trains or downloads them by accident:
#   stored   fetched from the DVC store inside the repository (the default at micro scale)
#   trained  made by the rules pretrain_* below (hours)
#   hub      downloaded once into the cache, by name and commit (paper scale)

PARTS = ["vlm", "painter", "editor", "checker"]
STORED = Layout("micro")

if S.models.source == "stored":

    rule fetch_pretrained:
        """Fetch the base models from the store inside the repository."""
        input:
            STORED.stored_models(),
        output:
            [STORED.base_model(part) for part in PARTS],
        resources:
            mem_mb=per_attempt(4000),
            runtime=per_attempt(30),
        params:
            sections=[],
        shell:
            # tee: why they cannot come is said at once
            "python -m viper fetch-pretrained {input:q} 2>&1 | tee {log:q}"


if S.models.source == "hub":

    # On a cluster it runs where Snakemake itself runs: compute nodes often have no network.
    localrules:
        fetch_model,

    rule fetch_model:
        """Download one model of the hub into the cache, at its pinned commit, and check every file against its hash."""
        output:
            manifest(cached_folder(S.models.cache, "{owner}/{repository}@{commit}")),
        wildcard_constraints:
            owner=r"[\w.-]+",
            repository=r"[\w.-]+",
            commit="[0-9a-f]{40}",
        resources:
            mem_mb=per_attempt(4000),
            runtime=per_attempt(720),
        params:
            folder=lambda wildcards, output: Path(output[0]).parent,
            sections=[],
        shell:
            # tee: tens of gigabytes, with a progress bar
            "HF_HUB_OFFLINE=0 python -m viper fetch-model {wildcards.owner:q}/{wildcards.repository:q}@{wildcards.commit:q}"
            " --folder {params.folder:q} 2>&1 | tee {log:q}"


# Where the stored models lie, nothing may train over them: at micro scale that takes `models.source: trained`.
if S.models.source == "trained" or (S.models.source == "stored" and L.scale != STORED.scale):

    include: "pretrain.smk"

else:

    rule pretrain:
        """The base models, from wherever `models.source` says."""
        input:
            (hub_manifests() if S.models.source == "hub" else [L.base_model(part) for part in PARTS]),


if S.models.checker:

    rule measure_fidelity:
        """Against the truth: captions, refinements and operations of the VLM, facts that the painter draws, edits done."""
        input:
            vlm=manifest(S.models.vlm.path),
            painter=manifest(S.models.painter.path),
            editor=manifest(S.models.editor.path),
            checker=manifest(S.models.checker),
        output:
            L.once("measure_base_models", "fidelity.csv"),
        resources:
            mem_mb=per_attempt(4000),
            runtime=per_attempt(30),
        params:
            sections=["models", "synthesis.caption.temperature"],
        shell:
            "python -m viper measure-base-models --options {params.options:q} --output {output:q} > {log:q} 2>&1"

    rule measure_base_models:
        """How good the base models are, attribute by attribute."""
        input:
            rules.measure_fidelity.output,
