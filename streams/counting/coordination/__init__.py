"""Who reports together, and as how many voices they count. Knows hashes of reporters, never their refs."""
