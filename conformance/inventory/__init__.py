"""Which accelerators a cluster has, by which way they are handed out, and how many are free: read once, before a run."""

from conformance.inventory.kinds import DEVICE_PLUGIN, DRA, Kind, NodeShare
from conformance.inventory.solutions import Solution
from conformance.inventory.take import Inventory, take

__all__ = ["DEVICE_PLUGIN", "DRA", "Inventory", "Kind", "NodeShare", "Solution", "take"]
