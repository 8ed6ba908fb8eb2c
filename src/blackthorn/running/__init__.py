"""Running a plan: the store that keeps its stages, and the processes that work on them."""
