"""How a worker becomes the only writer of partitions, and gives them up."""
