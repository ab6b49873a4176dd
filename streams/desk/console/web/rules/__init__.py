"""The pages about sets of rules: what is in force, what is proposed, and who decided what and why."""
