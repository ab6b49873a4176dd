"""How a worker follows the log of rule changes: reads it, makes sets of rules ready, and says so."""
