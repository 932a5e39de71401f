"""The only code that talks to the API server (DESIGN 7): official client for configuration, raw JSON objects for the rest."""

from conformance.cluster.api import Api
from conformance.cluster.connect import connect
from conformance.cluster.settings import Settings

__all__ = ["Api", "Settings", "connect"]
