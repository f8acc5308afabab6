"""Weather: files people have, or a seeded generator."""
