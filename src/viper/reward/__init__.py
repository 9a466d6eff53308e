"""The reward R = w_f * R_format + w_c * R_correct, and the choice of its similarity threshold."""
