"""Studies: many runs, or many draws, of one scenario, and what they say together."""
