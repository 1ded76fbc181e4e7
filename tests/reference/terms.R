# Makes terms.csv (400 simulated people: integer ties, late entry, non-integer weights, 80 sites of
# five rows, two strata, a curved effect of age, an effect of need that fades) and, for typed terms
# and effects that change with time, answers in terms.json.
# Run in this folder: Rscript terms.R      (R 4.2, survival 3.5-3, splines, jsonlite)
suppressMessages({library(survival); library(splines); library(jsonlite)})
set.seed(20261124, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
n <- 400
d <- data.frame(row = 1:n, site = rep(1:(n / 5), each = 5), age = sample(18:60, n, TRUE),
                priors = round(rnorm(n), 4), need = rbinom(n, 1, 0.4),
                tier = sample(c("FIXED", "FLEX", "FREE"), n, TRUE),
                region = sample(c("north", "south"), n, TRUE))
hazard <- exp(-((d$age - 35) / 18)^2 + 0.5 * d$need + 0.3 * d$priors + 0.4 * (d$tier == "FREE"))
time <- ceiling(40 * rexp(n) / hazard)
end <- sample(5:60, n, TRUE)
d$day <- pmin(time, end)
d$event <- as.integer(time <= end)
d$entry <- pmin(sample(0:12, n, TRUE) * rbinom(n, 1, 0.5), d$day - 1)
d$weight <- round(runif(n, 0.3, 3), 3)
write.csv(d, "terms.csv", row.names = FALSE)

exactly <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 50)
d$tier <- factor(d$tier)
d$from_free <- relevel(d$tier, "FREE")
knots <- unname(quantile(d$age, c(0.05, 0.35, 0.65, 0.95)))
curved <- function(age) ns(age, knots = knots[2:3], Boundary.knots = knots[c(1, 4)])
ages <- c(15, 18, 25.5, 35, 50, 60, 70)

fitted <- function(right, options, data = d, left = NULL) {
  if (is.null(left)) left <- if (options$entry) "Surv(entry, day, event)" else "Surv(day, event)"
  call <- list(as.formula(paste(left, "~", right, if (options$strata) "+ strata(region)" else "")),
               data, ties = options$ties, control = exactly, robust = FALSE)
  if (options$weights) call$weights <- data$weight
  if (options$cluster) { call$robust <- TRUE; call$cluster <- data$site }
  if (grepl("tt\\(", right)) call$tt <- function(x, t, ...) x * log(t)
  environment(call[[1]]) <- list2env(list(curved = curved), parent = globalenv())
  do.call(coxph, call)
}
wald <- function(fit, places) {
  b <- coef(fit)[places]
  drop(b %*% solve(vcov(fit)[places, places], b))
}
# Standard errors along a path of covariates by the delta method, its slopes by differences: for a
# path survfit takes the covariates of the day for those of all days before it. The rest of its
# error, that of the baseline, is right, and left over when the coefficients have no variance.
path_errors <- function(fit, path, days) {
  along <- function(fit) summary(survfit(fit, path, id = id), days, extend = TRUE)
  at <- function(beta) {
    moved <- fit$call
    moved$init <- beta
    moved$control <- coxph.control(iter.max = 0)
    along(eval(moved))$cumhaz
  }
  known <- fit
  known$var <- 0 * fit$var
  slopes <- sapply(seq_along(coef(fit)), function(j) {
    step <- replace(0 * coef(fit), j, 0.03 * sqrt(diag(vcov(fit)))[j])
    b <- coef(fit)
    (8 * (at(b + step) - at(b - step)) - (at(b + 2 * step) - at(b - 2 * step))) / (12 * step[j])
  })
  base <- along(known)
  base$surv * sqrt((base$std.err / base$surv)^2 + rowSums((slopes %*% vcov(fit)) * slopes))
}
answer <- function(fit) list(coefficients = unname(coef(fit)), covariance = unname(vcov(fit)),
                             loglik = fit$loglik)

lattice <- expand.grid(ties = c("efron", "breslow"), entry = c(FALSE, TRUE),
                       weights = c(FALSE, TRUE), strata = c(FALSE, TRUE),
                       cluster = c(FALSE, TRUE), stringsAsFactors = FALSE)
days <- c(1, 5, 10, 11, 20, 35, 41, 59)
cells <- lapply(seq_len(nrow(lattice)), function(i) {
  options <- as.list(lattice[i, ])
  products <- fitted("age + need + from_free + age:need + need:from_free", options)
  spline <- fitted("curved(age) + need", options)
  basis <- curved(ages) - curved(rep(40, length(ages)))[, 1:3]
  log_ratio <- drop(basis %*% coef(spline)[1:3])
  error <- sqrt(rowSums((basis %*% vcov(spline)[1:3, 1:3]) * basis))
  zph <- cox.zph(fitted("curved(age) + need + tier + age:need", options), transform = "km")
  predicted <- survfit(spline, data.frame(age = 29, need = 1, region = "north"))
  predicted <- summary(predicted, days, extend = TRUE)
  # survSplit at every event day is the same model as tt(), and says what survfit predicts.
  cuts <- sort(unique(d$day[d$event == 1]))
  start <- if (options$entry) "Surv(entry, day, event)" else "Surv(day, event)"
  pieces <- survSplit(as.formula(paste(start, "~ .")), d, cut = cuts, start = "from", end = "day")
  pieces$need_log <- pieces$need * log(pieces$day)
  pieces$need_day <- pieces$need * pieces$day
  log_time <- fitted("age + need + need_log", options, pieces, "Surv(from, day, event)")
  by_day <- fitted("need + need_day + age", options, pieces, "Surv(from, day, event)")
  for (label in c("FLEX", "FREE")) {
    pieces[[label]] <- as.numeric(pieces$tier == label)
    pieces[[paste0(label, "_log")]] <- pieces[[label]] * log(pieces$day)
  }
  tiers <- fitted("FLEX + FLEX_log + FREE + FREE_log + need", options, pieces,
                  "Surv(from, day, event)")
  path <- data.frame(from = c(0, head(cuts, -1)), day = cuts, event = 0, age = 33, need = 1,
                     region = "north", id = 1)
  path$need_log <- log(path$day)
  log_path <- summary(survfit(log_time, path, id = id), days, extend = TRUE)
  # The weights must be those of the rows, so the steps are columns of their own.
  steps <- survSplit(as.formula(paste(start, "~ .")), d, cut = c(10, 20), start = "from",
                     end = "day", episode = "stretch")
  for (j in 1:3) steps[[paste0("need", j)]] <- steps$need * (steps$stretch == j)
  jumps <- fitted("need1 + need2 + need3 + age", options, steps, "Surv(from, day, event)")
  walk <- data.frame(from = c(0, 10, 20), day = c(10, 20, 60), event = 0, age = 33,
                     need1 = c(1, 0, 0), need2 = c(0, 1, 0), need3 = c(0, 0, 1),
                     region = "north", id = 1)
  step_path <- summary(survfit(jumps, walk, id = id), days, extend = TRUE)
  change <- rbind(c(-1, 1, 0), c(0, -1, 1))
  moved <- change %*% coef(jumps)[1:3]
  found <- list(
    options = options, products = answer(products),
    spline = c(answer(spline), list(
      log_ratio = log_ratio, error = error, wald = wald(spline, 1:3),
      survival = predicted$surv, survival_error = predicted$std.err)),
    zph = unname(zph$table), log = c(answer(log_time), list(
      survival = log_path$surv, survival_error = path_errors(log_time, path, days))),
    linear = answer(by_day), tiers = answer(tiers),
    steps = c(answer(jumps), list(
      survival = step_path$surv, survival_error = path_errors(jumps, walk, days),
      change = drop(t(moved) %*% solve(change %*% vcov(jumps)[1:3, 1:3] %*% t(change), moved)))))
  # With late entry and strata tt() loses people: even its log-likelihood at 0 is another one.
  if (!options$cluster && !(options$entry && options$strata)) found$tt <-
    answer(fitted("age + need + tt(need)", options))
  found
})
write(toJSON(list(knots = knots, ages = ages, days = days, cells = cells), digits = I(17),
             auto_unbox = TRUE), "terms.json")
