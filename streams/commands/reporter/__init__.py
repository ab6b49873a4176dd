"""`tocsin reporter`: show what is known of a reporter."""
