"""What publishers and subscribers agree on with Tocsin: events, topics, and how they are read and written."""
