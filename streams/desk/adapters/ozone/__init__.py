"""Reports escalations to Ozone, the AT Protocol's moderation service, and publishes its decisions."""
