"""`tocsin topics`: create the topics, or compare them with the catalogue."""
