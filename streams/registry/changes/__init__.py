"""Sets of rules as records of the log: what is in one, and which one is in force."""
