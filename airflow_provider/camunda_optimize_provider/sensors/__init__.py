"""Sensors that wait for Optimize."""
