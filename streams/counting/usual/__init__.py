"""What is usual in a channel: how large it is, and how often it is reported."""
