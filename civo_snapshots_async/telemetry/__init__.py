"""Observers for `SnapshotSession(observers=…)`, each with an extra of its own."""
