"""What operators see and grant: metrics, health and logs of running programs, and rights on brokers."""
