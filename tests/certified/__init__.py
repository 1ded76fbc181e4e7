"""Numbers certified beyond doubt, and how many of their digits the library gives.

`studies` names the data; `fifty_digits` solves Cox's likelihood, and those of times without a
Cox model, in arithmetic of 80 digits; `exact` has curves and tests as exact fractions.
``python -m tests.certified.make`` writes the solutions, 50 digits each, to `certified.json`
(a few minutes); ``python -m tests.certified`` prints how many digits the library shares with
them (``make digits``), and `test_digits` asks for twelve.
"""
