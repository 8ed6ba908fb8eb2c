"""Slow, obvious versions of what the library does cleverly; tests hold the two equal."""
