"""What the library costs beside bare aiohttp and other clients; `nox -s bench` runs it."""
