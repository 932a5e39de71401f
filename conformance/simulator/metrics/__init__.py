"""Stand-ins of what carries metrics from pods to an autoscaler: a small Prometheus, and adapters that serve the metrics APIs."""
