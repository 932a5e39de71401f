"""The small workloads that the suite runs in a cluster, and what they say."""

from conformance.probes.bench import Bench
from conformance.probes.sandbox import Sandbox
from conformance.probes.tenants import Tenant

__all__ = ["Bench", "Sandbox", "Tenant"]
