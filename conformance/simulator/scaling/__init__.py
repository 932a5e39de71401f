"""The arithmetic of horizontal autoscaling: what a metric asks for, and what behaviour allows of it."""
