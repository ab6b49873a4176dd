"""`tocsin policy`: check policies, and back-test them with the reports in Kafka."""
