"""The section `fit` of params.yaml: the GPUs that the steps have to fit into."""

from pydantic import Field

from viper.config.base import Section

GIB = 2**30


class Fit(Section):
    """What memory there is. What the machines have, jobs say themselves (`job.mem_mb`)."""

    gpu_memory: float | None = Field(
        None, gt=0, le=10_000, description="gigabytes (2^30 bytes) of each GPU; null: nothing is forecast before training"
    )

    @property
    def bytes(self) -> float:
        """Bytes of each GPU; 0 where the scale names none."""
        return (self.gpu_memory or 0) * GIB
