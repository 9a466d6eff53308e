"""What the drawn world gives to each area of viper, which reaches it through its own `world` module."""
