"""One file a package: how it takes columns in memory, and each of its fits.

`read` turns columns into what the package's users hold (not timed). A fit is a function of that:
it makes the package's own input (timed as `door`) and gives a function that fits (timed as `fit`)
and returns its answer, lists of numbers by name:

    coef, se, loglik             of a model, in the order of the columns
    estimate, se, statistic      of a curve on the days with events, group by group, and of a test

Options are those that make the estimators the same; tolerances are each package's own, unless the
case says otherwise.
"""
