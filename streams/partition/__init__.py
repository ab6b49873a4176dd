"""What every stage remembers about a partition and does with its records."""
