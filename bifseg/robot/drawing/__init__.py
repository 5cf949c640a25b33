"""How a stroke is drawn: error regions, lines, brushes, paths."""
