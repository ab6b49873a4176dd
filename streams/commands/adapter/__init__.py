"""`tocsin adapter`."""
