"""Workers on a real PostgreSQL: `nox -s workers`; plain `pytest` leaves them out."""
