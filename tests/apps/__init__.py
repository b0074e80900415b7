"""Programs that stand on other libraries: `nox -s programs`; plain `pytest` leaves them out."""
