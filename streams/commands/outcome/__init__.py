"""`tocsin outcome`: say what a desk decided about a message, a report or an escalation, or about many."""
