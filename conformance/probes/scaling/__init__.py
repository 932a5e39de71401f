"""Probe servers under an autoscaler of pods: load, metrics, replicas."""
