"""Back-tests: what reports of the past come to under two sets of rules, and what differs."""
