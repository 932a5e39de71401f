"""Sharing of accelerators tried on real devices (KAR 0003): pods on shares of one device, their limit, their partitions."""
