"""`tocsin explain`: tells from its events why an escalation was opened and what happened to it."""
