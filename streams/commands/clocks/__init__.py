"""`tocsin clocks`: lists the legal clocks that have not ended."""
