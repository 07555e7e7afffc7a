"""Pure image functions, no learning: colour, ranges, resize, reading photos."""
