"""`tocsin intake`: take reports by HTTP, ask for them, or send a file of one's own."""
