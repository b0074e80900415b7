"""FakeCivo, seen from outside: never through the client, lest both share a mistake."""
