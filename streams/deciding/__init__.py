"""What becomes of reports, requests and outcomes: a function of the order of records alone."""
