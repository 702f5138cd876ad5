"""Operators that export from Camunda Optimize."""
