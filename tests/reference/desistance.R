# Desistance by hand: Rscript desistance.R, in this folder (it reads survival_recurrent.csv).
#
# The share with no reoffence by a day (R survival, rows up to the first), and the smoothed rate of
# all reoffences and of first ones: Epanechnikov's kernel with the boundary kernels of Klein and
# Moeschberger (2003), formulas 6.2.5 to 6.2.8; the first day from which it stays at a limit or
# below for `hold` days, all of them seen (at least 10 at risk).
suppressMessages({library(survival); library(jsonlite)})
rows <- read.csv("survival_recurrent.csv")
rows <- rows[order(rows$person, rows$begin), ]
firsts <- ave(ifelse(rows$again == 1, rows$end, Inf), rows$person, FUN = min)
first <- rows[rows$end <= firsts, ]

smooth <- function(at, days, steps, b, first, last) {
  sapply(at, function(t) {
    left <- (t - 0.5 - first) / b; right <- (last - t + 0.5) / b
    q <- min(left, right, 1)
    x <- (t - days) / b
    if (right < left) x <- -x
    alpha <- 64 * (2 - 4*q + 6*q^2 - 3*q^3) / ((1 + q)^4 * (19 - 18*q + 3*q^2))
    beta <- 240 * (1 - q)^2 / ((1 + q)^4 * (19 - 18*q + 3*q^2))
    k <- 0.75 * (1 - x^2) * (alpha + beta * x)
    k[x < -1 | x > q + 1e-12] <- 0
    max(sum(k * steps) / b, 0)
  })
}

meets <- function(d, b, limit, hold) {
  every <- 1:max(d$end)
  n <- sapply(every, function(day) sum(d$begin < day & d$end >= day))
  from <- min(every[n >= 10]) - 1
  thin <- every[n < 10 & every > from]
  last <- if (length(thin)) min(thin) - 1 else max(every)
  at <- (from + 1):last
  events <- sapply(at, function(day) sum(d$again == 1 & d$end == day))
  rate <- smooth(at, at[events > 0], (events / n[at])[events > 0], b, from, last)
  above <- at[rate > limit]
  holds <- sapply(at, function(day) day + hold - 1 <= last && !any(above >= day & above < day + hold))
  list(rate = rate, days = at, day = if (any(holds)) at[which(holds)[1]] else NA)
}

arms <- lapply(0:1, function(arm) {
  d <- first[first$arm == arm, ]
  curve <- survfit(Surv(begin, end, again) ~ 1, d, conf.type = "log-log")
  told <- summary(curve, times = c(10, 20))
  all <- meets(rows[rows$arm == arm, ], 6, 0.09, 4)
  one <- meets(d, 6, 0.04, 4)
  list(arm = arm, share = told$surv, low = told$lower, high = told$upper, rate = all$rate,
       below = all$day, hazard = one$rate, met = one$day)
})
write_json(list(r = R.version.string, survival = as.character(packageVersion("survival")),
  arms = arms), "desistance.json", digits = NA, auto_unbox = TRUE, pretty = TRUE, na = "null")
