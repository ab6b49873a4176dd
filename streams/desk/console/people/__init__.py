"""Who may use the console: people, their roles and categories, and how they sign in."""
