"""`tocsin transparency`: make transparency reports, statements of reasons and notices, and check them."""
