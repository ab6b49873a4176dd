"""`tocsin clock`: records what became of a legal clock, or of many."""
