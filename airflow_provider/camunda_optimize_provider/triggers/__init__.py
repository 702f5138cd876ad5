"""Triggers that wait for Optimize, and that watch collections."""
