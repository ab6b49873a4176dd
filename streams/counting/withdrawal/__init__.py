"""What reporters who were warned have added to a channel, and how a pause takes it out again."""
