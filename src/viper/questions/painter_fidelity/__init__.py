"""How much does the loop depend on its painter and editor? Fidelity against gain, over some of known faults."""
