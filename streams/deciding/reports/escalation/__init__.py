"""Policies, episodes and clocks of the stage of reports, and what it publishes about them."""
