"""The stage that judges requests of authorities: who is competent, what is missing, what is refused, what must come first."""
