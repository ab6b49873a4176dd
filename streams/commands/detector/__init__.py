"""`tocsin detector`: what an operator decides about a detector or list that is held."""
