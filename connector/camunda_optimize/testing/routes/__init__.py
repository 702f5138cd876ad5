"""Optimize's endpoints, a module for each group of them.

Handlers know no HTTP library: they take a :class:`~camunda_optimize.testing.wire.Call` and return a
:class:`~camunda_optimize.testing.wire.Reply`.
"""
