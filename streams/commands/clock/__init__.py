"""`tocsin clock`: record what became of a legal clock, or of many."""
