"""`tocsin dead-letters`: lists records that were refused, shows why, and sends them again."""
