"""Who reported, and how often they were right: trust, signatures and limits per reporter, by keyed hash."""
