"""The hook of the connection type ``camunda_optimize``."""
