"""`tocsin tail`: prints the records of a topic as they arrive."""
