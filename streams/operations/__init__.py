"""What operators read of a running worker."""
