"""What attacks on the decisions cost: named attacks, and a search for the cheapest (docs/trust-measured.md)."""
