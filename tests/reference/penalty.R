# Ridge fits and exact ties on survival_lattice.csv, by R; answers in penalty.json.
# Run in this folder: Rscript penalty.R      (R 4.2, survival 3.5-3, jsonlite)
suppressMessages({library(survival); library(jsonlite)})
d <- read.csv("survival_lattice.csv")
d$need <- as.numeric(d$need)
d$flex <- as.numeric(d$tier == "FLEX")
exactly <- coxph.control(eps = 1e-12, toler.chol = 1e-14, iter.max = 100, outer.max = 50)
written <- function(strata, entry, right) {
  left <- if (entry) "Surv(entry, day, event)" else "Surv(day, event)"
  as.formula(paste(left, "~", right, if (strata) "+ strata(region)" else ""))
}
# The top of a ridge by Newton's steps on the score and information that R has at fixed
# coefficients: of weights with Efron's ties and late entry its own steps do not come to rest.
climbed <- function(call, strata, entry, theta) {
  call[[1]] <- written(strata, entry, "priors + need + flex")
  call$control <- coxph.control(iter.max = 0)
  beta <- c(0, 0, 0)
  for (step in 1:30) {
    fit <- do.call(coxph, c(call, list(init = beta)))
    slope <- colSums(residuals(fit, "score", weighted = TRUE)) - theta * beta
    matrix <- solve(fit$var) + theta * diag(3)
    beta <- beta + drop(solve(matrix, slope))
  }
  list(coefficients = beta, var = solve(matrix),
       loglik = c(NA, fit$loglik[2] - theta / 2 * sum(beta^2)))
}
ridges <- list(); exact <- list()
for (strata in c(FALSE, TRUE)) for (entry in c(FALSE, TRUE)) {
  for (theta in c(0.5, 20)) for (ties in c("efron", "breslow")) for (weights in c(FALSE, TRUE)) {
    formula <- written(strata, entry, "ridge(priors, need, flex, theta = theta, scale = FALSE)")
    environment(formula) <- environment()
    call <- list(formula, d, ties = ties, control = exactly, robust = FALSE)
    if (weights) call$weights <- d$weight
    by_hand <- weights && entry && ties == "efron"
    fit <- if (by_hand) climbed(call, strata, entry, theta) else do.call(coxph, call)
    ridges[[length(ridges) + 1]] <- list(
      strata = strata, entry = entry, theta = theta, ties = ties, weights = weights,
      coefficients = unname(fit$coefficients), covariance = unname(fit$var),
      loglik = fit$loglik[2])
  }
  # Of late entry R tries every set of d people: only 60 rows of it end.
  fit <- coxph(written(strata, entry, "priors + need + flex"), if (entry) d[1:60, ] else d,
               ties = "exact", control = exactly)
  exact[[length(exact) + 1]] <- list(
    strata = strata, entry = entry, coefficients = unname(fit$coefficients),
    covariance = unname(fit$var), loglik = fit$loglik, score = fit$score)
}
write(toJSON(list(ridges = ridges, exact = exact), digits = I(17), auto_unbox = TRUE),
      "penalty.json")
