"""What do other vocabularies call harms? Which category does each of their terms become, and back."""
