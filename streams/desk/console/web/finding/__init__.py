"""The pages by which a person finds things: views and queues by name, and the search."""
