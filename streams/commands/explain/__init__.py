"""`tocsin explain`: why an escalation was opened, or what became of a report."""
