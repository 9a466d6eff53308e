"""ViPER as a workflow: self-evolution of visual perception in vision-language models (arXiv 2510.24285)."""
