"""Airflow provider for Camunda Optimize: connection type, hook and operators.

Importing this package loads neither Airflow nor an HTTP library.
"""
