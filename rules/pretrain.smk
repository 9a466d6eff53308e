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
    log:
        f"logs/{SCALE}/pretrain/vlm.log",
    benchmark:
        f"benchmarks/{SCALE}/pretrain/vlm.tsv"
    params:
        folder=f"{PRETRAINED}/vlm",
        options=options("pretraining"),
    resources:
        mem_mb=4000,
        runtime=240,
    shell:
        "python -m viper pretrain-vlm --options {params.options:q} --output {params.folder} > {log} 2>&1"


rule pretrain_latents:
    """What painter and editor share: the autoencoder and the text encoder."""
    output:
        f"{PRETRAINED}/latents/manifest.json",
    log:
        f"logs/{SCALE}/pretrain/latents.log",
    benchmark:
        f"benchmarks/{SCALE}/pretrain/latents.tsv"
    params:
        folder=f"{PRETRAINED}/latents",
        options=options("pretraining"),
    resources:
        mem_mb=4000,
        runtime=240,
    shell:
        "python -m viper pretrain-latents --options {params.options:q} --output {params.folder} > {log} 2>&1"


rule pretrain_diffusion:
    """Painter (caption to picture) and editor (picture and instruction to picture): one UNet learns both."""
    input:
        f"{PRETRAINED}/latents/manifest.json",
    output:
        painter=f"{PRETRAINED}/painter/manifest.json",
        editor=f"{PRETRAINED}/editor/manifest.json",
    params:
        options=options("pretraining.diffusion"),
        folder=PRETRAINED,
    log:
        f"logs/{SCALE}/pretrain_diffusion.log",
    benchmark:
        f"benchmarks/{SCALE}/pretrain_diffusion.tsv"
    threads: 1
    resources:
        mem_mb=6000,
        runtime=240,
    shell:
        "python -m viper pretrain-diffusion --options {params.options:q} --shared {params.folder}/latents"
        " --painter {params.folder}/painter --editor {params.folder}/editor > {log} 2>&1"


rule pretrain_checker:
    """The checker that reads pictures, for audits of painter and editor."""
    output:
        f"{PRETRAINED}/checker/manifest.json",
    log:
        f"logs/{SCALE}/pretrain/checker.log",
    benchmark:
        f"benchmarks/{SCALE}/pretrain/checker.tsv"
    params:
        folder=f"{PRETRAINED}/checker",
        options=options("pretraining"),
    resources:
        mem_mb=4000,
        runtime=60,
    shell:
        "python -m viper pretrain-checker --options {params.options:q} --output {params.folder} > {log} 2>&1"


rule pretrain_vlm:
    """The base VLM: its eyes first, then its language."""
    output:
        f"{PRETRAINED}/vlm/manifest.json",
    params:
        options=options("pretraining.vlm"),
        folder=f"{PRETRAINED}/vlm",
    log:
        f"logs/{SCALE}/pretrain_vlm.log",
    benchmark:
        f"benchmarks/{SCALE}/pretrain_vlm.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    shell:
        "python -m viper pretrain-vlm --options {params.options:q} --output {params.folder} > {log} 2>&1"


rule pretrain_latents:
    """What painter and editor share: the autoencoder and the text encoder."""
    output:
        f"{PRETRAINED}/latents/manifest.json",
    params:
        options=options("pretraining.latents"),
        folder=f"{PRETRAINED}/latents",
    log:
        f"logs/{SCALE}/pretrain_latents.log",
    benchmark:
        f"benchmarks/{SCALE}/pretrain_latents.tsv"
    threads: 1
    resources:
        mem_mb=3000,
        runtime=60,
    shell:
        "python -m viper pretrain-latents --options {params.options:q} --output {params.folder} > {log} 2>&1"


rule pretrain_painter:
    """The painter: caption to picture."""
    input:
        f"{PRETRAINED}/latents/manifest.json",
    output:
        f"{PRETRAINED}/painter/manifest.json",
    params:
        options=options("pretraining.painter"),
        folder=f"{PRETRAINED}/painter",
    log:
        f"logs/{SCALE}/pretrain_painter.log",
    benchmark:
        f"benchmarks/{SCALE}/pretrain_painter.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    shell:
        "python -m viper pretrain-painter --options {params.options:q} --shared $(dirname {input}) --output {params.folder} > {log} 2>&1"


rule pretrain_editor:
    """The editor: picture and instruction to picture, from the painter's weights."""
    input:
        f"{PRETRAINED}/painter/manifest.json",
    output:
        f"{PRETRAINED}/editor/manifest.json",
    params:
        options=options("pretraining.editor"),
        folder=f"{PRETRAINED}/editor",
    log:
        f"logs/{SCALE}/pretrain_editor.log",
    benchmark:
        f"benchmarks/{SCALE}/pretrain_editor.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    shell:
        "python -m viper pretrain-editor --options {params.options:q} --painter $(dirname {input}) --output {params.folder} > {log} 2>&1"


rule pretrain_checker:
    """The classifier that audits painter and editor."""
    output:
        f"{PRETRAINED}/checker/manifest.json",
    params:
        options=options("pretraining.checker"),
        folder=f"{PRETRAINED}/checker",
    log:
        f"logs/{SCALE}/pretrain_checker.log",
    benchmark:
        f"benchmarks/{SCALE}/pretrain_checker.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    shell:
        "python -m viper pretrain-checker --options {params.options:q} --output {params.folder} > {log} 2>&1"
