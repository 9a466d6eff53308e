# Base models trained from scratch on the drawn world: what `models.source: trained` asks for, and, a few steps each,
# what the target `pretrain` runs at smoke scale.


rule pretrain:
    """Every base model of this scale."""
    input:
        [L.base_model(part) for part in PARTS],


rule pretrain_vlm:
    """The VLM: first its eyes, then its language. An interrupted run goes on behind the last stage that had ended."""
    output:
        L.base_model("vlm"),
    threads: 2  # a step takes two thirds of its time on one
    resources:
        mem_mb=per_attempt(4000),
        runtime=per_attempt(240),
    params:
        folder=lambda wildcards, output: Path(output[0]).parent,
        work=L.pretraining("vlm"),
        sections=["pretraining.vlm"],
    shell:
        "python -m viper pretrain-vlm --options {params.options:q} --work {params.work:q} --output {params.folder:q}"
        " 2>&1 | tee {log:q}"


rule pretrain_latents:
    """What painter and editor share: the autoencoder and the text encoder."""
    output:
        L.latents(),
    resources:
        mem_mb=per_attempt(4000),
        runtime=per_attempt(240),
    params:
        folder=lambda wildcards, output: Path(output[0]).parent,
        sections=["pretraining.latents"],
    shell:
        "python -m viper pretrain-latents --options {params.options:q} --output {params.folder:q} 2>&1 | tee {log:q}"


rule pretrain_diffusion:
    """Painter (caption to picture) and editor (picture and instruction to picture): one UNet learns both."""
    input:
        L.latents(),
    output:
        painter=L.base_model("painter"),
        editor=L.base_model("editor"),
    resources:
        mem_mb=per_attempt(6000),
        runtime=per_attempt(240),
    params:
        sections=["pretraining.diffusion"],
        painter=lambda wildcards, output: Path(output.painter).parent,
        editor=lambda wildcards, output: Path(output.editor).parent,
        latents=lambda wildcards, input: Path(input[0]).parent,
    shell:
        "python -m viper pretrain-diffusion --options {params.options:q} --shared {params.latents:q}"
        " --painter {params.painter:q} --editor {params.editor:q} 2>&1 | tee {log:q}"


rule pretrain_checker:
    """The checker that reads pictures, for audits of painter and editor."""
    output:
        L.base_model("checker"),
    resources:
        mem_mb=per_attempt(4000),
        runtime=per_attempt(60),
    params:
        folder=lambda wildcards, output: Path(output[0]).parent,
        sections=["pretraining.checker"],
    shell:
        "python -m viper pretrain-checker --options {params.options:q} --output {params.folder:q} 2>&1 | tee {log:q}"
