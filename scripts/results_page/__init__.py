"""The page of results: its sections, tables and plots, made from the files in docs/results."""
