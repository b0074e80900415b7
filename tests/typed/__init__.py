"""Every public call as a user types it: mypy and pyright check these files, and nothing runs them.

`tests/test_typed.py` checks that no public name is missing here.
"""
