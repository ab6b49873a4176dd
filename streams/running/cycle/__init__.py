"""What a worker does over and over: apply what has arrived, commit it, acknowledge it."""
