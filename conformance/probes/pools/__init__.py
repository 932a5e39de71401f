"""Node pools that are to grow and to shrink again."""
