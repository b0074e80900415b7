"""The observers that the library brings along."""
