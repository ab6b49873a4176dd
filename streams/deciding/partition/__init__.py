"""What all stages share: the state of a partition, and how its records are applied."""
