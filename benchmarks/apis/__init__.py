"""What each provider's API answers, one file each, in its own shape and of about its own size."""
