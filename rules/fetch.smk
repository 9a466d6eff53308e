# All downloads in one target, for a machine with a network, before the jobs that need them run without one.


rule fetch:
    """Models and official benchmarks of this scale, in the cache and in evaluation.folder; nothing at micro scale."""
    input:
        hub_manifests(),
        official_files(),
