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
ridges <- list(); exact <- list()
for (strata in c(FALSE, TRUE)) for (entry in c(FALSE, TRUE)) {
  for (theta in c(0.5, 20)) for (ties in c("efron", "breslow")) for (weights in c(FALSE, TRUE)) {
    # Of weights with Efron's ties and late entry R's own steps do not come to rest.
    if (weights && entry && ties == "efron") next
    formula <- written(strata, entry, "ridge(priors, need, flex, theta = theta, scale = FALSE)")
    environment(formula) <- environment()
    call <- list(formula, d, ties = ties, control = exactly, robust = FALSE)
    if (weights) call$weights <- d$weight
    fit <- do.call(coxph, call)
    ridges[[length(ridges) + 1]] <- list(
      strata = strata, entry = entry, theta = theta, ties = ties, weights = weights,
      coefficients = unname(coef(fit)), covariance = unname(fit$var), loglik = fit$loglik[2])
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
