"""`tocsin demo`: plays six hours of made-up traffic on a real Kafka with a real worker."""
