"""`tocsin status`: whether a deployment works now, from Kafka and from a worker's own page."""
