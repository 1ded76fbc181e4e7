# Answers to flexible parametric fits (Royston and Parmar) of parametric.csv, in flexible.json: the
# likelihood written out over truncated powers of the logarithm of the days, climbed by Newton's
# method to a step below 1e-12; with no inner knot it is survreg's Weibull and log-logistic.
# Run in this folder: Rscript flexible.R      (R 4.2, survival 3.5-3, jsonlite)
suppressMessages({library(survival); library(jsonlite)})
d <- read.csv("parametric.csv")
x <- model.matrix(~ priors + need + tier, d)
day <- c(7, 30, 90, 300)

basis <- function(u, k, order = 0) {
  above <- function(knot) if (order) 3 * pmax(u - knot, 0)^2 else pmax(u - knot, 0)^3
  m <- length(k); share <- (k[m] - k) / (k[m] - k[1])
  bent <- lapply(seq_len(m - 2) + 1, function(j)
    above(k[j]) - share[j] * above(k[1]) - (1 - share[j]) * above(k[m]))
  cbind(if (order) rep(1, length(u)) else u, matrix(as.numeric(unlist(bent)), nrow = length(u)) / (k[m] - k[1])^2)
}
# log f, its first and second derivative by z, and the same of log S
hazard <- function(z) list(z - exp(z), 1 - exp(z), -exp(z), -exp(z), -exp(z), -exp(z))
odds <- function(z) { p <- plogis(z); q <- p * (1 - p)
  list(z - 2 * log1p(exp(z)), 1 - 2 * p, -2 * q, -log1p(exp(z)), -p, -q) }

fit <- function(scale, inner, entry, w, robust) {
  at <- get(scale)
  k <- quantile(log(d$day[d$event == 1]), seq(0, 1, length.out = inner + 2), names = FALSE)
  D <- cbind(x, basis(log(d$day), k)); S <- cbind(0 * x, basis(log(d$day), k, 1))
  late <- if (entry) d$entry > 0 else rep(FALSE, nrow(d))
  E <- cbind(x, basis(log(pmax(d$entry, 1)), k))
  parts <- function(b) {
    z <- at(drop(D %*% b)); o <- at(drop(E %*% b)); s <- drop(S %*% b); e <- d$event
    list(value = sum(w * (ifelse(e, z[[1]] + suppressWarnings(log(s)) - log(d$day), z[[4]]) - late * o[[4]])),
         score = w * (D * ifelse(e, z[[2]], z[[5]]) + e * S / s - late * E * o[[5]]),
         information = -(crossprod(D, D * (w * ifelse(e, z[[3]], z[[6]]))) -
                         crossprod(S, S * (w * e / s^2)) - crossprod(E, E * (w * late * o[[6]]))))
  }
  b <- c(-4, 0, 0, 0, 0, 1, rep(0, inner)); here <- parts(b)
  for (i in 1:200) {
    step <- solve(here$information, colSums(here$score))
    repeat { there <- parts(b + step)
      if (is.finite(there$value) && there$value >= here$value - 1e-9) break
      step <- step / 2 }
    b <- b + step; here <- there
    if (max(abs(step)) < 1e-12) break
  }
  covariance <- solve(here$information)
  if (robust) covariance <- crossprod(rowsum(here$score, d$site) %*% covariance)
  profile <- c(1, .5, 1, 0, 1)
  z <- drop(cbind(matrix(profile, 4, 5, byrow = TRUE), basis(log(day), k)) %*% b)
  G <- at(z); s <- drop(basis(log(day), k, 1) %*% b[-(1:5)])
  list(scale = scale, inner = inner, entry = entry, weights = !all(w == 1), robust = robust,
       estimate = b, covariance = covariance, loglik = here$value,
       survival = exp(G[[4]]), hazard = exp(G[[1]] - G[[4]]) * s / day)
}
cells <- list()
for (scale in c("hazard", "odds")) for (inner in 0:3) for (entry in c(FALSE, TRUE))
  for (weights in c(FALSE, TRUE)) for (robust in c(FALSE, TRUE))
    cells[[length(cells) + 1]] <-
      fit(scale, inner, entry, if (weights) d$weight else rep(1, nrow(d)), robust)
plain <- survreg(Surv(day, event) ~ priors + need + tier, d, control = list(rel.tolerance = 1e-15))
stopifnot(abs(cells[[1]]$loglik - plain$loglik[2]) < 1e-9)
write_json(list(fits = cells), "flexible.json", digits = I(17), auto_unbox = TRUE)
