"""Whether every step fits into a GPU and a machine, said before anything is loaded: the library's own code, weightless."""
