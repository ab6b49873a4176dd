"""`tocsin rules`: all rules of a deployment taken together."""
