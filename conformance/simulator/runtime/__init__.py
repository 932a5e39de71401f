"""Pods as local processes: folders instead of file systems, a shim instead of a kernel, real output, signals and exit codes."""
