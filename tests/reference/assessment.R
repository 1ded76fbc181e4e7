# Answers in assessment.json, of survival_lattice.csv: concordance, tests of proportional hazards,
# and (with no option, and with all of them) residuals; and cox.zph of the 432 Rossi releases, which
# are read from a file: lifelines.datasets.load_rossi().to_csv("rossi.csv", index=False)
# Run in this folder: Rscript assessment.R rossi.csv      (R 4.2, survival 3.5-3, jsonlite)
suppressMessages({library(survival); library(jsonlite)})
d <- read.csv("survival_lattice.csv")
d$band <- round(d$priors)
exactly <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 50)
transforms <- c("km", "rank", "identity", "log")
tested <- function(fit, transform) {
  found <- cox.zph(fit, transform = transform)$table
  list(transform = transform, statistic = unname(found[, 1]), df = unname(found[, 2]),
       p_value = unname(found[, 3]))
}
agreed <- function(found) list(estimate = unname(found$concordance), std_error = unname(sqrt(found$var)))

# Schoenfeld residuals come by stratum, day and row; those of cox.zph in no said order within a day.
residuals_of <- function(fit) {
  strata <- if (is.null(fit$strata)) rep("all", nrow(d)) else as.character(fit$strata)
  events <- order(strata, d$day)
  scaled <- cox.zph(fit, transform = "km", terms = FALSE)
  list(martingale = short(residuals(fit, "martingale")), deviance = short(residuals(fit, "deviance")),
       score = short(residuals(fit, "score", weighted = TRUE)), dfbeta = short(residuals(fit, "dfbeta")),
       events = events[d$event[events] == 1] - 1, schoenfeld = short(residuals(fit, "schoenfeld")),
       scaled = short(scaled$y))
}
short <- function(values) unname(signif(values, 12))

cells <- list()
for (ties in c("efron", "breslow")) for (weights in c(FALSE, TRUE))
  for (strata in c(FALSE, TRUE)) for (entry in c(FALSE, TRUE)) {
    left <- if (entry) "Surv(entry, day, event)" else "Surv(day, event)"
    groups <- if (strata) "+ strata(region)" else ""
    call <- list(as.formula(paste(left, "~ priors + need + tier", groups)), d, ties = ties,
                 control = exactly, x = TRUE, y = TRUE)
    if (weights) call$weights <- d$weight
    fit <- do.call(coxph, call)
    robust <- do.call(coxph, c(call, list(robust = TRUE, cluster = d$site)))
    score <- function(name) {
      call <- list(as.formula(paste(left, "~", name, groups)), d, reverse = TRUE)
      if (weights) call$weights <- d$weight
      list(plain = agreed(do.call(concordance, call)),
           sites = agreed(do.call(concordance, c(call, list(cluster = d$site)))))
    }
    cell <- list(
      ties = ties, weights = weights, strata = strata, entry = entry,
      tests = lapply(transforms, function(transform) tested(fit, transform)),
      robust = tested(robust, "km"),
      fitted = agreed(concordance(fit)), priors = score("priors"), band = score("band"))
    if (weights == strata && strata == entry) cell$residuals <- residuals_of(fit)
    cells[[length(cells) + 1]] <- cell
  }
rossi <- read.csv(commandArgs(TRUE)[1])
released <- coxph(Surv(week, arrest) ~ fin + age + race + wexp + mar + paro + prio, rossi,
                  control = exactly)
answers <- list(cells = cells, rossi = lapply(transforms, function(t) tested(released, t)),
                rossi_agrees = agreed(concordance(released)))
write(toJSON(answers, digits = I(15), auto_unbox = TRUE, na = "null"), "assessment.json")
