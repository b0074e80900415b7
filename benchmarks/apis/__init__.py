"""The responses of each provider's API, one file each, in its own shape and about its size."""
