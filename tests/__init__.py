"""Tests: each states one fact."""
