# Weighted log-rank tests of the rows in survival_lattice.csv, for logrank.json. With weights of rows
# the robust score test of Cox's model at 0, from R's weighted score residuals with Breslow's ties;
# with weights of days (a power of the number at risk) by definition, day by day.
# Run in this folder: Rscript logrank.R      (R 4.2, survival 3.5-3, jsonlite)
suppressMessages({library(survival); library(jsonlite)})
d <- read.csv("survival_lattice.csv")
robust <- function(formula, cluster) {
  nothing <- coxph(formula, d, weights = weight, ties = "breslow", init = c(0, 0),
                   control = coxph.control(iter.max = 0))
  u <- residuals(nothing, "score", weighted = TRUE)
  by <- rowsum(u, cluster)
  drop(colSums(u) %*% solve(crossprod(by)) %*% colSums(u))
}
by_day <- function(from, power) {
  u <- numeric(3); v <- matrix(0, 3, 3); labels <- sort(unique(from$tier))
  for (t in sort(unique(from$day[from$event == 1]))) {
    risk <- from$entry < t & from$day >= t; now <- risk & from$day == t & from$event == 1
    n <- sum(risk); k <- sum(now); p <- sapply(labels, function(l) mean(from$tier[risk] == l))
    u <- u + n^power * (sapply(labels, function(l) sum(from$tier[now] == l)) - k * p)
    if (n > 1) v <- v + n^(2 * power) * k * (n - k) / (n - 1) * (diag(p) - p %o% p)
  }
  drop(u[-1] %*% solve(v[-1, -1]) %*% u[-1])
}
late <- Surv(entry, day, event) ~ tier
out <- list(
  weights = robust(Surv(day, event) ~ tier, d$row),
  `weights, entry` = robust(late, d$row),
  `weights, entry, strata` = robust(update(late, ~ . + strata(region)), d$row),
  `weights, sites` = robust(Surv(begin, end, again) ~ tier, d$site),
  gehan = by_day(d, 1), `tarone ware` = by_day(d, 0.5)
)
writeLines(toJSON(out, digits = I(15), auto_unbox = TRUE, pretty = TRUE), "logrank.json")
