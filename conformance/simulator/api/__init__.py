"""The simulated API server: HTTP and JSON on the outside, ``registry`` with its rules on the inside."""
