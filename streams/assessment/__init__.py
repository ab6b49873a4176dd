"""The pure core: from a decoded report to what is written. No Faust, Kafka, clock, randomness or files."""
