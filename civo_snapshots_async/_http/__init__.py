"""One request out, one response back."""
