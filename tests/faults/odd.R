# R's numbers for rows that are odd but honest (odd.csv, written by `python -m tests.faults.odd`).
# Run in this folder: Rscript odd.R      (R 4.2, survival 3.5-3, cmprsk 2.2-11, jsonlite)
suppressMessages({library(survival); library(cmprsk); library(jsonlite)})
all_rows <- read.csv("odd.csv")
exactly <- coxph.control(eps = 1e-13, toler.chol = 1e-15, iter.max = 100)
quietly <- function(call) tryCatch(suppressWarnings(call), error = function(e) NULL)
rows <- function(...) data.frame(..., row.names = NULL)

hazards <- function(fit, tests = TRUE) {
  if (is.null(fit) || anyNA(coef(fit))) return(NULL)
  found <- rows(term = names(coef(fit)), estimate = unname(coef(fit)),
                std_error = sqrt(diag(fit$var)), statistic = unname(coef(fit)) / sqrt(diag(fit$var)))
  if (!tests) return(found)
  rbind(found, rows(term = c("likelihood ratio", "score", "Wald"), estimate = NA, std_error = NA,
                    statistic = c(2 * diff(fit$loglik), fit$score, fit$wald.test)))
}
curve <- function(d, estimate, error, ...) {
  fit <- survfit(Surv(day, event) ~ arm, d, ...)
  s <- summary(fit, censored = TRUE)
  group <- if (is.null(s$strata)) rep(d$arm[1], length(s$time)) else sub("arm=", "", s$strata)
  found <- rows(group = group, day = s$time, n_events = s$n.event, estimate = s[[estimate]],
                std_error = s[[error]])
  found[found$n_events > 0 | all(d$event == 0), ]
}
firth <- function(d) {
  at <- function(b) quietly(coxph(Surv(day, event) ~ arm + age, d, init = b,
                                  control = coxph.control(iter.max = 0)))
  scale <- c(1, sd(d$age))
  loss <- function(b) { fit <- at(b / scale); if (is.null(fit)) return(1e6)
                        -fit$loglik[2] + determinant(fit$var)$modulus / 2 }
  top <- nlm(loss, c(0, 0), gradtol = 1e-10, steptol = 1e-12, iterlim = 500)
  fit <- at(top$estimate / scale)
  rows(term = c("arm", "age"), estimate = top$estimate / scale, std_error = sqrt(diag(fit$var)))
}
ridge_of <- function(d, names) {
  f <- as.formula(sprintf("Surv(day, event) ~ ridge(%s, theta = 2, scale = FALSE)",
                          paste(names, collapse = ", ")))
  drawn <- coxph(f, d, control = coxph.control(eps = 1e-13, outer.max = 50, iter.max = 100))
  rows(term = names, estimate = unname(coef(drawn)))
}
answers <- function(d, number) {
  if (number == 42) return(list(`fit_cox ridge` = ridge_of(d, paste0("x", 0:14))))
  two <- length(unique(d$arm)) == 2
  f <- Surv(day, event) ~ arm + age
  found <- list(kaplan_meier = curve(d, "surv", "std.err"),
                nelson_aalen = curve(d, "cumhaz", "std.chaz"),
                mean_cumulative_function = curve(d, "cumhaz", "std.chaz", id = d$pid,
                                                 cluster = d$pid)[, 1:4])
  horizon <- min(tapply(d$day, d$arm, max))
  means <- summary(survfit(Surv(day, event) ~ arm, d), rmean = horizon)$table
  if (!is.matrix(means)) means <- t(means)
  found$restricted_mean <- rows(group = sort(unique(d$arm)), term = "mean",
                                estimate = means[, grep("^rmean", colnames(means))],
                                std_error = means[, grep("^se", colnames(means))])
  d$state <- factor(ifelse(d$event == 1, d$kind, "none"), c("none", sort(unique(d$kind[d$event == 1]))))
  if (nlevels(d$state) > 1) {
    s <- summary(survfit(Surv(day, state) ~ arm, d), censored = TRUE)
    group <- if (is.null(s$strata)) rep(d$arm[1], length(s$time)) else sub("arm=", "", s$strata)
    found$cumulative_incidence <- do.call(rbind, lapply(2:ncol(s$pstate), function(k)
      rows(group = group, cause = s$states[k], day = s$time, n_events = s$n.event[, k],
           estimate = s$pstate[, k], std_error = s$std.err[, k])))
    if (two) {
      tests <- cuminc(d$day, d$state, d$arm, cencode = "none")$Tests
      found$gray_test <- rows(cause = rownames(tests), statistic = tests[, "stat"])
      fit <- quietly(crr(d$day, as.character(d$state), as.matrix(d[c("arm", "age")]),
                         failcode = "violence", cencode = "none", gtol = 1e-12, maxiter = 100))
      if (!is.null(fit) && fit$converged)
        found$fit_fine_gray <- rows(term = c("arm", "age"), estimate = unname(fit$coef),
                                    std_error = sqrt(diag(fit$var)))[if (number == 15) 2 else 1:2, ]
    }
  }
  score <- quietly(concordance(Surv(day, event) ~ age, d, reverse = TRUE))
  if (!is.null(score) && is.finite(score$concordance))
    found$concordance <- rows(term = "age", estimate = unname(score$concordance),
                              std_error = sqrt(c(score$var)))
  if (two && sum(d$event) > 0) {
    found$log_rank <- rows(statistic = survdiff(Surv(day, event) ~ arm, d)$chisq)
    found$`log_rank peto` <- rows(statistic = survdiff(Surv(day, event) ~ arm, d, rho = 1)$chisq)
  }
  if (!number %in% c(9, 15, 16, 41, 53)) return(found)
  found$`fit_cox firth` <- firth(d)
  found$`fit_cox ridge` <- ridge_of(d, c("arm", "age"))
  if (number == 15) {  # nobody of arm 0 has the event: far out, where R does not go by itself
    far <- -30 * (d$arm == 0)
    checked <- cox.zph(coxph(Surv(day, event) ~ age + offset(far), d, control = exactly))$table
    found$check_proportional_hazards <- rows(term = "age", statistic = checked[1, 1])
  }
  if (number %in% c(15, 16)) return(found)
  efron <- coxph(f, d, control = exactly)
  if (number != 41) {
    checked <- cox.zph(efron)$table
    found$check_proportional_hazards <- rows(term = c("arm", "age"), statistic = checked[1:2, 1])
  }
  robust <- hazards(coxph(f, d, cluster = pid, control = exactly), FALSE)
  found$fit_cox <- hazards(efron)
  found$`fit_cox breslow` <- hazards(coxph(f, d, ties = "breslow", control = exactly))
  found$`fit_cox exact` <- hazards(coxph(f, d, ties = "exact", control = exactly))
  found$`fit_cox robust` <- robust
  for (model in c("andersen-gill", "pwp-total", "pwp-gap", "wlw"))
    found[[paste("fit_recurrent", model)]] <- robust
  fitted <- concordance(efron)
  found$`concordance of a fit` <- rows(term = "the Cox fit", estimate = unname(fitted$concordance),
                                       std_error = sqrt(c(fitted$var)))
  for (shape in c("exponential", "weibull", "lognormal", "loglogistic")) {
    if (number == 41 && shape != "exponential") next
    fit <- survreg(f, d, dist = shape, control = survreg.control(rel.tolerance = 1e-13, maxiter = 200))
    ours <- c(lognormal = "log-normal", loglogistic = "log-logistic")[shape]
    found[[paste("fit_parametric", if (is.na(ours)) shape else ours)]] <-
      rows(term = c("intercept", "arm", "age"), estimate = unname(coef(fit)),
           std_error = sqrt(diag(fit$var))[1:3])
  }
  found
}
numbers <- sort(unique(all_rows$input))
found <- setNames(lapply(numbers, function(k) answers(all_rows[all_rows$input == k, ], k)), numbers)
write(toJSON(found, digits = I(17), na = "null"), "odd.json")
