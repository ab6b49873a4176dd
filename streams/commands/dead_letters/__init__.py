"""`tocsin dead-letters`: list records that were refused, show why, and send them again."""
