"""Experiments: from one settings file to figures that say where they come from. `run.run_experiment` is the entry."""
