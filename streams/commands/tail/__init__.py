"""`tocsin tail`: print the records of a topic as they arrive."""
