"""How long a property is searched for a counter-example: by its price, and by the profile."""

from hypothesis import settings

USUAL = 25  # examples of the default profile


def examples(n):
    """Try `n` examples in the default profile, and in proportion in the others."""
    return settings(max_examples=max(1, n * settings.default.max_examples // USUAL))
