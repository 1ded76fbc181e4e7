"""numpy: nothing but its import, which is the least that any of the others can take."""

PACKAGE = "numpy"
