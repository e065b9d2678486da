"""Benchmarks: ``python -m benchmarks train`` times an epoch beside its peers."""
