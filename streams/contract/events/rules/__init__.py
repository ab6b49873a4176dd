"""Sets of rules and what people decide about them."""
