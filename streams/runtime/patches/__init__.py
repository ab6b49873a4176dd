"""Everything that reaches into private names of Faust and aiokafka; tests/contract/test_private_names.py covers each of them."""
