"""`tocsin source`: pause, resume or skip the records of a source topic."""
