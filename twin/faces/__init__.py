"""Ways to use a run: command line, report, and later control room and co-simulation."""
