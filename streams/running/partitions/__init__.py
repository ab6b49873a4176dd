"""One partition that a worker owns: its state, its position, and what a batch leads to."""
