"""How each kind of event is read from a record or written to one."""
