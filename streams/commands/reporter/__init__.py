"""`tocsin reporter`: what is known of a reporter."""
