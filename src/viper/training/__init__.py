"""From a checkpoint and data sets to the next checkpoint: GRPO and SFT, with or without low-rank adapters."""
