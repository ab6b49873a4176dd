"""`tocsin config show`: lists every setting, its value and its meaning."""
