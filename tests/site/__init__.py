"""The built site, as a reader sees it in a browser: `nox --session site` runs these tests."""
