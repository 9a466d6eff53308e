"""What every result was made from; recorded by DVC, pulled, verified, made again from its hash."""
