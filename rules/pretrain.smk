# Base models trained from scratch on the drawn world: what `models.source: trained` asks for, and, a few steps each,
# what the target `pretrain` runs at smoke scale.


rule pretrain:
    """Every base model of this scale."""
    input:
        expand("{folder}/{part}/manifest.json", folder=PRETRAINED, part=PARTS),


rule pretrain_vlm:
    """The VLM: first its eyes, then its language."""
    output:
        f"{PRETRAINED}/vlm/manifest.json",
    resources:
        mem_mb=per_attempt(4000),
        runtime=per_attempt(240),
    params:
        folder=f"{PRETRAINED}/vlm",
        sections=["pretraining.vlm"],
    shell:
        "python -m viper pretrain-vlm --options {params.options:q} --output {params.folder:q} 2>&1 | tee {log:q}"


rule pretrain_latents:
    """What painter and editor share: the autoencoder and the text encoder."""
    output:
        f"models/{SCALE}/latents/manifest.json",
    resources:
        mem_mb=per_attempt(4000),
        runtime=per_attempt(240),
    params:
        folder=f"models/{SCALE}/latents",
        sections=["pretraining.latents"],
    shell:
        "python -m viper pretrain-latents --options {params.options:q} --output {params.folder:q} 2>&1 | tee {log:q}"


rule pretrain_diffusion:
    """Painter (caption to picture) and editor (picture and instruction to picture): one UNet learns both."""
    input:
        f"models/{SCALE}/latents/manifest.json",
    output:
        painter=f"{PRETRAINED}/painter/manifest.json",
        editor=f"{PRETRAINED}/editor/manifest.json",
    resources:
        mem_mb=per_attempt(6000),
        runtime=per_attempt(240),
    params:
        sections=["pretraining.diffusion"],
        folder=PRETRAINED,
        latents=f"models/{SCALE}/latents",
    shell:
        "python -m viper pretrain-diffusion --options {params.options:q} --shared {params.latents:q}"
        " --painter {params.folder:q}/painter --editor {params.folder:q}/editor 2>&1 | tee {log:q}"


rule pretrain_checker:
    """The checker that reads pictures, for audits of painter and editor."""
    output:
        f"{PRETRAINED}/checker/manifest.json",
    resources:
        mem_mb=per_attempt(4000),
        runtime=per_attempt(60),
    params:
        folder=f"{PRETRAINED}/checker",
        sections=["pretraining.checker"],
    shell:
        "python -m viper pretrain-checker --options {params.options:q} --output {params.folder:q} 2>&1 | tee {log:q}"
