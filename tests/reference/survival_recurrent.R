# Makes survival_recurrent.csv (150 simulated people with repeated events, late entries, spells out
# of the risk set, deaths and weights, heavy integer ties) and answers in survival_recurrent.json;
# the curves, restricted means and weighted log-rank tests are of survival_lattice.csv.
# Run in this folder: Rscript survival_recurrent.R    (R 4.2, survival 3.5-3, mets 1.3.2, jsonlite)
suppressMessages({library(survival); library(mets); library(jsonlite)})
set.seed(20261124, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
follow <- function(i) {
  arm <- rbinom(1, 1, .5)
  priors <- round(rnorm(1), 3)
  weight <- round(runif(1, .4, 3), 3)
  rate <- exp(.4 * priors - .4 * arm) * rgamma(1, 2, 2) / 12
  day <- if (runif(1) < .3) sample(1:8, 1) else 0
  last <- 20 + sample(0:30, 1)
  death <- ceiling(rexp(1, 1 / 70))
  rows <- NULL
  repeat {
    stop <- day + ceiling(rexp(1, rate))
    end <- min(stop, last, max(death, day + 1))
    again <- as.integer(stop == end & end < max(death, day + 1))
    died <- as.integer(!again & end == max(death, day + 1))
    rows <- rbind(rows, data.frame(person = i, arm, priors, weight, begin = day, end, again, died))
    day <- end + if (again && runif(1) < .3) sample(1:6, 1) else 0
    if (!again || day >= last) break
  }
  rows
}
d <- do.call(rbind, lapply(1:150, follow))
d$number <- ave(d$again, d$person, FUN = cumsum) - d$again + 1
d$since <- ave(d$again * d$end, d$person, FUN = function(x) c(0, cummax(x)[-length(x)]))
d$kind <- ifelse(d$again == 1, "reoffence", ifelse(d$died == 1, "death", ""))
write.csv(d[c("person", "arm", "priors", "weight", "begin", "end", "again", "died", "kind")],
          "survival_recurrent.csv", row.names = FALSE)

exactly <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 50)
answer <- function(fit) list(coefficients = unname(coef(fit)), covariance = unname(vcov(fit)),
                             loglik = fit$loglik, n = fit$n, n_events = fit$nevent)
most <- 3
stack <- do.call(rbind, lapply(1:most, function(k) {
  rows <- d[d$number <= k, ]
  rows$again <- rows$again * (rows$number == k)
  rows$number <- k
  rows
}))
early <- d[d$number <= most, ]
models <- list()
for (weighted in c(FALSE, TRUE)) {
  fitted <- function(formula, data) {
    call <- list(formula, data, cluster = data$person, control = exactly)
    if (weighted) call$weights <- data$weight
    answer(do.call(coxph, call))
  }
  models[[if (weighted) "weighted" else "plain"]] <- list(
    `andersen-gill` = fitted(Surv(begin, end, again) ~ arm + priors, d),
    `pwp-total` = fitted(Surv(begin, end, again) ~ arm + priors + strata(number), early),
    `pwp-gap` = fitted(Surv(begin - since, end - since, again) ~ arm + priors + strata(number), early),
    wlw = fitted(Surv(begin, end, again) ~ arm + priors + strata(number), stack))
}

rising <- function(fit) list(day = fit$time, estimate = fit$cumhaz, std_error = fit$std.chaz)
of_arm <- function(arm, weighted = FALSE) {
  here <- d[d$arm == arm, ]
  here$use <- if (weighted) here$weight else 1
  rising(survfit(Surv(begin, end, again) ~ 1, here, id = person, cluster = person, robust = TRUE,
                 weights = use, conf.type = "none"))
}
mean_number <- list(arm0 = of_arm(0), arm1 = of_arm(1), weighted0 = of_arm(0, TRUE),
                    weighted1 = of_arm(1, TRUE))
untied <- function(day, person) ifelse(day > 0, 200 * day + person, 0) # mets breaks ties by order
terminal <- function(arm) {
  here <- d[d$arm == arm, ]
  here$begin <- untied(here$begin, here$person)
  here$end <- untied(here$end, here$person)
  fit <- recurrentMarginal(phreg(Surv(begin, end, again) ~ cluster(person), here),
                           phreg(Surv(begin, end, died) ~ cluster(person), here))
  list(day = fit$times, estimate = fit$mu, std_error = fit$se.mu)
}
with_death <- list(arm0 = terminal(0), arm1 = terminal(1))

a <- read.csv("survival_lattice.csv")
late <- Surv(a$entry, a$day, a$event)
hazard <- list(
  plain = rising(survfit(Surv(day, event) ~ 1, a)),
  entry = rising(survfit(late ~ 1, a)),
  weighted_entry = rising(survfit(late ~ 1, a, weights = weight, robust = TRUE, cluster = row,
                                  conf.type = "none")))

horizon <- 10
restricted <- function(formula) unname(summary(survfit(formula, a), rmean = horizon)$table[, c("rmean", "se(rmean)")])
weighted_entry <- NULL
for (here in split(a, a$tier)) {
  fit <- survfit(Surv(entry, day, event) ~ 1, here, weights = weight, robust = TRUE, cluster = row,
                 conf.type = "none")
  moves <- residuals(fit, times = horizon, type = "rmst", weighted = TRUE)
  weighted_entry <- rbind(weighted_entry, c(summary(fit, rmean = horizon)$table[["rmean"]],
                                            sqrt(sum(moves^2))))
}
means <- list(plain = restricted(Surv(day, event) ~ tier), entry = restricted(late ~ tier), weighted_entry = weighted_entry)

tested <- function(formula, rho) {
  found <- survdiff(formula, a, rho = rho)
  rows <- function(x) if (is.matrix(x)) rowSums(x) else x
  list(score = unname(rows(found$obs) - rows(found$exp)), statistic = found$chisq,
       covariance = unname(found$var))
}
tests <- list()
for (rho in c(.5, 1)) for (strata in c(FALSE, TRUE)) {
  formula <- if (strata) Surv(day, event) ~ tier + strata(region) else Surv(day, event) ~ tier
  tests[[length(tests) + 1]] <- c(list(rho = rho, strata = strata), tested(formula, rho))
}

write(toJSON(list(models = models, mean_number = mean_number, with_death = with_death,
                  hazard = hazard, means = means, tests = tests),
             digits = I(17), auto_unbox = TRUE, na = "null"), "survival_recurrent.json")
