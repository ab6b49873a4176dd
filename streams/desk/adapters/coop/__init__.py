"""Reports escalations to Coop, ROOST's review tool, and publishes what its moderators decide."""
