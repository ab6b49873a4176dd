"""Who may ask for pages, how often, and from where."""
