"""Where people decide: the console, adapters to desks that work elsewhere, and events in words."""
