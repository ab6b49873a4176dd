"""`tocsin simulate`: publish made-up traffic."""
