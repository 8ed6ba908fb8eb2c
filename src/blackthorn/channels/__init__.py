"""Channels of any network, followed by running it once: what makes them, what reads them, what ties them together."""
