"""Links from a task to Optimize."""
