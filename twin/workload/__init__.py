"""Workload: traces people have, or a seeded generator."""
