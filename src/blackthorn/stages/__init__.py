"""The kinds of stages that a recipe consists of: one file each, with its options, its needs and what it does."""
