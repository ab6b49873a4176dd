"""What sources and publishers may bring to a partition, how much of it, and what they are told."""
