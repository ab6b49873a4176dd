"""`tocsin console`."""
