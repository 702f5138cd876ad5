"""Real servers for the integration tests: each starts its own and stops it again.

Importable as ``servers`` (``pythonpath`` in ``pyproject.toml``). :mod:`servers.programs` starts anything; the other
modules know one server each.
"""
