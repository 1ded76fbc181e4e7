# Makes survival_lattice.csv (300 simulated rows: heavy integer ties, entries tied with event
# days, non-integer weights, 60 sites of five rows, three strata; the same people followed through
# repeated events in `begin`, `end`, `again`; and `missing`, the column whose value is not known in
# a row where some are missing) and answers in survival_lattice.json.
# Run in this folder: Rscript survival_lattice.R      (R 4.2, survival 3.5-3, jsonlite)
suppressMessages({library(survival); library(jsonlite)})
set.seed(20261123, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
n <- 300
d <- data.frame(row = 1:n, site = rep(1:60, each = 5), priors = round(rnorm(n), 4),
                need = rbinom(n, 1, .4), tier = sample(c("FIXED", "FLEX", "FREE"), n, TRUE),
                region = sample(c("north", "south", "west"), n, TRUE))
d$day <- ceiling(rexp(n, exp(.4 * d$priors - .5 * d$need + .2 * (d$tier == "FREE")) / 9))
censored <- ceiling(rexp(n, 1 / 16))
d$event <- as.integer(d$day <= censored)
d$day <- pmin(d$day, censored)
d$entry <- pmax(0, d$day - ceiling(runif(n, 0, 7)))
d$entry[sample(n, 100)] <- 0
d$weight <- round(runif(n, .4, 3), 3)
gap <- sample(0:2, n, TRUE)
d$end <- unsplit(lapply(split(d$day + gap, d$site), cumsum), d$site)
d$begin <- d$end - d$day
d$again <- d$event
d$missing <- sample(rep(c("", "priors", "tier", "region", "site"), c(220, 25, 20, 20, 15)))
write.csv(d, "survival_lattice.csv", row.names = FALSE)

exactly <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 50)
holes <- d
for (name in c("priors", "tier", "region", "site")) holes[[name]][d$missing == name] <- NA
cells <- list()
for (rows in c("all", "some missing")) for (ties in c("efron", "breslow")) for (weights in c(FALSE, TRUE))
  for (strata in c(FALSE, TRUE)) for (entry in c(FALSE, TRUE))
    for (variance in c("model", "robust", "cluster")) {
      left <- if (entry) "Surv(entry, day, event)" else "Surv(day, event)"
      right <- paste("~ priors + need + tier", if (strata) "+ strata(region)" else "")
      from <- if (rows == "all") d else holes
      call <- list(as.formula(paste(left, right)), from, ties = ties, control = exactly,
                   robust = FALSE)
      if (weights) call$weights <- from$weight
      if (variance != "model") {
        call$robust <- TRUE
        call$cluster <- if (variance == "cluster") from$site else from$row
      }
      fit <- do.call(coxph, call)
      base <- basehaz(fit, centered = FALSE)
      cells[[length(cells) + 1]] <- list(
        rows = rows, n = fit$n,
        ties = ties, weights = weights, strata = strata, entry = entry, variance = variance,
        coefficients = unname(coef(fit)), covariance = unname(vcov(fit)), loglik = fit$loglik,
        score = fit$score, wald = unname(fit$wald.test),
        hazard_days = base$time, hazard = base$hazard,
        hazard_strata = as.character(if (is.null(base$strata)) rep("all", nrow(base)) else base$strata))
    }

predicted <- function(fit, ...) {
  found <- summary(survfit(fit, newdata = data.frame(priors = .5, need = 1, tier = "FREE"), ...),
                   times = c(2, 5, 9, 14))
  list(share = as.vector(found$surv), std_err = as.vector(found$std.err))
}
predictions <- list(
  plain = predicted(coxph(Surv(entry, day, event) ~ priors + need + tier, d, control = exactly)),
  weighted = predicted(coxph(Surv(entry, day, event) ~ priors + need + tier, d, weights = weight,
                             cluster = site, control = exactly)))

curve <- function(fit) {
  list(day = fit$time, share = fit$surv, std_err = summary(fit, times = fit$time)$std.err,
       low = fit$lower, high = fit$upper, n_risk = fit$n.risk, n_event = fit$n.event,
       n_censor = fit$n.censor, median = unname(quantile(fit, 0.5, conf.int = FALSE)))
}
late <- Surv(d$entry, d$day, d$event)
curves <- list(
  plain = curve(survfit(Surv(day, event) ~ 1, d, conf.type = "log-log")),
  entry = curve(survfit(late ~ 1, d, conf.type = "log-log")),
  entry_log = curve(survfit(late ~ 1, d, conf.type = "log")),
  entry_logit = curve(survfit(late ~ 1, d, conf.type = "logit")),
  entry_plain = curve(survfit(late ~ 1, d, conf.type = "plain")),
  weighted = curve(survfit(Surv(day, event) ~ 1, d, conf.type = "log-log", weights = weight,
                           robust = TRUE, cluster = row)),
  weighted_entry = curve(survfit(late ~ 1, d, conf.type = "log-log", weights = weight,
                                 robust = TRUE, cluster = row)),
  weighted_again = curve(survfit(Surv(begin, end, again) ~ 1, d, conf.type = "log-log",
                                 weights = weight, robust = TRUE, cluster = site)))

tested <- function(formula) {
  found <- survdiff(formula, d)
  rows <- function(x) if (is.matrix(x)) rowSums(x) else x
  list(observed = unname(rows(found$obs)), expected = unname(rows(found$exp)),
       statistic = found$chisq, covariance = unname(found$var))
}
log_rank <- list(plain = tested(Surv(day, event) ~ tier),
                 strata = tested(Surv(day, event) ~ tier + strata(region)))
# survdiff takes no entry: the stack of tables, one an event day, goes to mantelhaen.test.
days <- sort(unique(d$day[d$event == 1]))
stack <- sapply(days, function(t) {
  here <- d$entry < t & d$day >= t
  table(factor(d$tier)[here], factor(d$event == 1 & d$day == t, c(TRUE, FALSE))[here])
}, simplify = "array")
stack <- stack[, , apply(stack, 3, sum) > 1]
log_rank$entry <- list(statistic = unname(mantelhaen.test(stack, correct = FALSE)$statistic))

write(toJSON(list(cells = cells, predictions = predictions, curves = curves, log_rank = log_rank),
             digits = I(17), auto_unbox = TRUE, na = "null"), "survival_lattice.json")
