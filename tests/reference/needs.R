# Answers for histories/paired.py in needs.json. Tango's score interval from its definition: the test
# statistic with the nuisance share found by climbing the likelihood, inverted by bisection; the exact
# odds ratio from fisher.test; McNemar's exact p from binom.test. Run in this folder: Rscript needs.R
suppressMessages(library(jsonlite))
tables <- list(c(1, 1, 7, 12), c(59, 6, 16, 80), c(36, 12, 2, 20), c(5, 0, 4, 11), c(9, 0, 0, 9),
               c(40, 25, 30, 55), c(3, 1, 1, 14), c(120, 41, 77, 212))   # both, more, fewer, neither
score <- function(d, more, fewer, n) {
  loglik <- function(q) {           # q: share that went from yes to no; q + d the other way
    part <- function(k, p) if (k == 0) 0 else k * log(p)
    part(more, q + d) + part(fewer, q) + part(n - more - fewer, 1 - 2 * q - d)
  }
  low <- max(0, -d); high <- (1 - d) / 2
  q <- optimize(loglik, c(low, high), maximum = TRUE, tol = 1e-14)$maximum
  best <- c(q, low, high)
  q <- best[which.max(sapply(best, loglik))]
  (more - fewer - n * d) / sqrt(n * (2 * q + d - d^2))
}
limit <- function(more, fewer, n, sign) {
  d <- (more - fewer) / n; out <- -sign
  for (i in 1:60) {
    m <- (d + out) / 2
    if (sign * score(m, more, fewer, n) > qnorm(.975)) out <- m else d <- m
  }
  (d + out) / 2
}
write_json(lapply(tables, function(t) {
  n <- sum(t); f <- fisher.test(matrix(t, 2)); m <- t[2] + t[3]
  list(table = t, low = limit(t[2], t[3], n, 1), high = limit(t[2], t[3], n, -1),
       mcnemar = if (m) binom.test(t[2], m)$p.value else 1,
       odds = unname(f$estimate), odds_low = f$conf.int[1], odds_high = f$conf.int[2],
       fisher = f$p.value)
}), "needs.json", digits = I(15), auto_unbox = TRUE)
