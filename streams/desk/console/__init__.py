"""The console: pages on which desks work, beside the stream. Reads topics, and writes what people decide."""
