"""The open question of the objective: order and length of the stages, clipping, KL term, updates, supervision."""
