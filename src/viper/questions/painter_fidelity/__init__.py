"""How much does the loop depend on its painter and editor? Fidelity against gain, over painters and editors of known faults."""
