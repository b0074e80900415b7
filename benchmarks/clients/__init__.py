"""The clients that are compared, one file each, and what they have in common."""
