"""What is run, when, with which accelerators, and what becomes of it: everything of a run that is not a pytest hook."""
