"""A real Kubernetes on one machine, for the project's own tests: built from sources, brought up by one command, gone by one kill."""
