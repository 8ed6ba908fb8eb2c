"""What changes how long a computation takes, and never its result."""
