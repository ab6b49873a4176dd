"""Asks systems for their reports that do not send them by themselves: `tocsin intake poll`."""
