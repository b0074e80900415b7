"""Until something is so: one pure machine that is a wait, and one poller that drives them all."""
