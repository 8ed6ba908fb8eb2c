"""The warning that attacks give."""


class AttackWarning(UserWarning):
    """The attack runs, but its number says less than it seems to."""
