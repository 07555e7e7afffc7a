"""Image functions without learning: colour, value ranges, resizing, and reading and writing picture files."""
