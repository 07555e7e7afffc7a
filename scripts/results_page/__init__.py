"""The page of results: its sections, tables and figures, made from the files in docs/results."""
