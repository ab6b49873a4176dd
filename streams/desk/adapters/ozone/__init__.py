"""Reports escalations to Ozone, the moderation service of the AT Protocol, and publishes what its moderators decide."""
