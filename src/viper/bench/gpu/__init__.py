"""What the paper's models take on the GPU at hand: random weights at true size, measured in a few minutes."""
