# Smoothed hazards by hand: Rscript hazard.R, in this folder, after cure.R (it reads cure.csv).
#
# Nelson and Aalen's steps (R survival, late entry, weights), Epanechnikov's kernel with the
# boundary kernels of Klein and Moeschberger (2003), formulas 6.2.5 to 6.2.8, each day at its
# middle; and their cross-validation score.
suppressMessages({library(survival); library(jsonlite)})
people <- read.csv("cure.csv")

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
    c(sum(k * steps) / b, sum(k^2 * (attr(steps, "var"))) / b^2)
  })
}

cell <- function(entry, weights, b) {
  start <- if (entry) people$entry else rep(0, nrow(people))
  w <- if (weights) people$w else rep(1, nrow(people))
  every <- 1:max(people$stop)
  n <- sapply(every, function(d) sum(start < d & people$stop >= d))
  first <- min(every[n >= 10]) - 1
  last <- max(every[n >= 10])
  rows <- data.frame(start, stop = people$stop, event = people$event, weight = w)
  curve <- survfit(Surv(start, stop, event) ~ 1, rows, weights = weight)
  keep <- curve$n.event > 0 & curve$time <= last
  days <- curve$time[keep]
  steps <- curve$n.event[keep] / curve$n.risk[keep]
  attr(steps, "var") <- sapply(days, function(d) sum((w^2)[people$event == 1 & people$stop == d])) /
    curve$n.risk[keep]^2
  found <- smooth((first + 1):last, days, steps, b, first, last)
  loss <- function(b) {
    whole <- smooth((first + 1):last, days, steps, b, first, last)[1, ]
    cross <- 0
    for (i in seq_along(days)) {
      others <- steps[-i]; attr(others, "var") <- others
      cross <- cross + steps[i] * smooth(days[i], days[-i], others, b, first, last)[1]
    }
    sum(whole^2) - 2 * cross
  }
  widths <- (last - first) * exp(seq(log(1/40), log(1/2), length.out = 12))
  list(entry = entry, weights = weights, bandwidth = b, first = first + 1, last = last,
       estimate = pmax(found[1, ], 0), std_error = sqrt(found[2, ]),
       best = widths[which.min(sapply(pmax(widths, 1), loss))])
}

answers <- list(r = R.version.string, survival = as.character(packageVersion("survival")),
  cells = list(cell(FALSE, FALSE, 8), cell(TRUE, FALSE, 5), cell(TRUE, TRUE, 14.5)))
write_json(answers, "hazard.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
