"""Which labels of its own can a model learn from? Their truth, by the audit, against what training on them gained."""
