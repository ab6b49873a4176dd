"""How a person finds things: views of the desk by name, and ids by how they begin."""
