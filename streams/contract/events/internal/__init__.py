"""Events and records that go from one of Tocsin's own programs to another."""
