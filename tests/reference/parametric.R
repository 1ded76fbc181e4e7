# Makes parametric.csv (400 simulated people of 80 sites, of whom a part never have the event; some
# enter late, weights are not whole) and answers to parametric and split fits in parametric.json.
# survreg where R has it (no late entry); else the likelihood written out with R's own p- and
# d-functions and climbed by optim, so the maximum is good to some ten digits and where it lies
# to some five.
# Run in this folder: Rscript parametric.R      (R 4.2, survival 3.5-3, jsonlite)
suppressMessages({library(survival); library(jsonlite)})
set.seed(20261123, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
n <- 400
d <- data.frame(site = rep(1:80, each = 5), priors = round(rnorm(n), 4), need = rbinom(n, 1, .4),
                tier = sample(c("FIXED", "FLEX", "FREE"), n, TRUE))
eventual <- runif(n) < plogis(.2 + .9 * d$need)
d$day <- ceiling(rweibull(n, 1.4, 60 * exp(-.3 * d$priors + .2 * (d$tier == "FREE"))))
censored <- sample(250:400, n, TRUE)
d$event <- as.integer(eventual & d$day <= censored)
d$day <- ifelse(d$event == 1, d$day, censored)
d$entry <- pmin(d$day - 1, sample(0:30, n, TRUE)) * rbinom(n, 1, .5)
d$weight <- round(runif(n, .4, 3), 3)
write.csv(d, "parametric.csv", row.names = FALSE)

formula <- Surv(day, event) ~ priors + need + tier
family <- c(weibull = "weibull", exponential = "exponential", "log-normal" = "lognormal",
            "log-logistic" = "loglogistic")
exactly <- survreg.control(rel.tolerance = 1e-15, toler.chol = 1e-14, maxiter = 100)

plain <- list()
for (name in names(family)) for (weights in c(FALSE, TRUE)) for (robust in c(FALSE, TRUE)) {
  call <- list(formula, d, dist = family[[name]], control = exactly, robust = robust)
  if (weights) call$weights <- d$weight
  if (robust) call$cluster <- d$site
  fit <- do.call(survreg, call)
  # survreg leaves the weights out of its robust variance; its weighted residuals have them
  moves <- rowsum(residuals(fit, "dfbeta", weighted = TRUE), d$site)
  estimate <- c(unname(coef(fit)), if (name != "exponential") log(fit$scale))
  at <- predict(fit, data.frame(priors = .5, need = 1, tier = "FREE"), type = "lp")
  z <- (log(c(7, 30, 90, 300)) - at) / fit$scale
  plain[[length(plain) + 1]] <- list(
    distribution = name, weights = weights, robust = robust, estimate = estimate,
    covariance = unname(if (robust) crossprod(moves) else vcov(fit)), loglik = fit$loglik[2],
    survival = switch(name, "log-normal" = pnorm(-z), "log-logistic" = plogis(-z), exp(-exp(z))))
}

# log S and log f of the time, at z = (log t - location) / scale
S <- list(weibull = function(z, q) -exp(z), exponential = function(z, q) -exp(z),
          "log-normal" = function(z, q) pnorm(z, lower.tail = FALSE, log.p = TRUE),
          "log-logistic" = function(z, q) plogis(z, lower.tail = FALSE, log.p = TRUE),
          "generalised-gamma" = function(z, q)
            pgamma(exp(q * z) / q^2, 1 / q^2, lower.tail = q < 0, log.p = TRUE))
f <- list(weibull = function(z, q) z - exp(z), exponential = function(z, q) z - exp(z),
          "log-normal" = function(z, q) dnorm(z, log = TRUE),
          "log-logistic" = function(z, q) dlogis(z, log = TRUE),
          "generalised-gamma" = function(z, q)
            log(abs(q)) + dgamma(exp(q * z) / q^2, 1 / q^2, log = TRUE) + log(exp(q * z) / q^2))
x <- model.matrix(~ priors + need + tier, d)
v <- model.matrix(~ need, d)

minus <- function(par, name, start, w, split) {
  location <- x %*% par[1:5]; par <- par[-(1:5)]
  scale <- 1; q <- 1; share <- rep(Inf, nrow(d))
  if (name != "exponential") { scale <- exp(par[1]); par <- par[-1] }
  if (name == "generalised-gamma") { q <- par[1]; par <- par[-1] }
  if (split) share <- v %*% par
  pi <- plogis(share)
  z <- (log(d$day) - location) / scale
  at_start <- S[[name]]((log(pmax(start, 1e-300)) - location) / scale, q)
  at_start <- ifelse(start > 0, log(1 - pi + pi * exp(at_start)), 0)
  at_stop <- ifelse(d$event == 1, log(pi) + f[[name]](z, q) - log(scale) - log(d$day),
                    log(1 - pi + pi * exp(S[[name]](z, q))))
  value <- -sum(w * (at_stop - at_start))
  if (is.finite(value)) value else 1e10
}
climb <- function(name, start, w, split) {
  par <- c(4.5, 0, 0, 0, 0, if (name != "exponential") 0, if (name == "generalised-gamma") .5,
           if (split) c(1, 0))
  for (i in 1:6) {
    par <- optim(par, minus, name = name, start = start, w = w, split = split, method = "BFGS",
                 control = list(reltol = 1e-16, maxit = 2000, ndeps = rep(1e-5, length(par))))$par
    par <- optim(par, minus, name = name, start = start, w = w, split = split,
                 control = list(reltol = 1e-16, maxit = 4000))$par
  }
  found <- optim(par, minus, name = name, start = start, w = w, split = split, method = "BFGS",
                 hessian = TRUE, control = list(reltol = 1e-16, ndeps = rep(1e-5, length(par))))
  list(distribution = name, entry = any(start > 0), weights = any(w != 1), split = split,
       estimate = found$par, std_error = sqrt(diag(solve(found$hessian))), loglik = -found$value)
}
none <- rep(0, nrow(d)); one <- rep(1, nrow(d))
climbed <- list(climb("generalised-gamma", none, one, FALSE))
for (name in names(f)) {
  climbed[[length(climbed) + 1]] <- climb(name, d$entry, one, FALSE)
  climbed[[length(climbed) + 1]] <- climb(name, d$entry, d$weight, FALSE)
}
for (name in names(family)) for (w in list(one, d$weight)) {
  climbed[[length(climbed) + 1]] <- climb(name, none, w, TRUE)
  climbed[[length(climbed) + 1]] <- climb(name, d$entry, w, TRUE)
}
write(toJSON(list(survreg = plain, climbed = climbed), digits = I(17), auto_unbox = TRUE),
      "parametric.json")
