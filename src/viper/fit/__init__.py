"""Whether every step fits into a GPU and a machine, said before it is loaded: the library's own code, weightless."""
