"""The desk and the pages of cases: what people see of them and do with them."""
