# All downloads in one target, for a machine with a network, before the jobs that need them run without one.


rule fetch:
    """Models, photographs and official benchmarks of this scale, where each is kept; nothing at micro scale."""
    input:
        photograph_data() if S.images.hub else [],
        hub_manifests(),
        official_files(),
