"""`tocsin registry`: check the law in the registry, and show what applies where."""
