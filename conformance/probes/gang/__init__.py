"""Gangs of probe pods: where there is room for them, how they are made, refused, watched and taken away."""
