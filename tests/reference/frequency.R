# Makes frequency.csv (200 simulated people of 25 areas, with reoffences on days of time at risk with
# gaps) and answers of MASS::glm.nb and glm in frequency.json, climbed to the last digits.
# Run in this folder: Rscript frequency.R      (R 4.2, MASS 7.3, jsonlite)
suppressMessages({library(MASS); library(jsonlite)})
set.seed(20261124, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
n <- 200
d <- data.frame(person = 1:n, area = rep(1:25, each = 8), age = round(runif(n, 18, 55), 1),
                need = rbinom(n, 1, .35), tier = sample(c("FIXED", "FLEX", "FREE"), n, TRUE),
                days = sample(60:365, n, TRUE))
d$even <- rbinom(n, 5, plogis(-1 + .6 * d$need))
d$count <- rpois(n, d$days / 120 * exp(.5 * d$need - .02 * (d$age - 30)) * rgamma(n, 1.5, 1.5))
write.csv(d, "frequency.csv", row.names = FALSE)

control <- glm.control(epsilon = 1e-14, maxit = 200)
fit <- glm.nb(count ~ age + need + tier + offset(log(days)), d, control = control)
for (i in 1:20) {   # to the joint maximum: glm.nb alternates
  theta <- theta.ml(fit$y, fitted(fit), limit = 200, eps = 1e-14)
  fit <- glm(count ~ age + need + tier + offset(log(days)), negative.binomial(as.numeric(theta)), d,
             control = control, start = coef(fit))
}
mu <- fitted(fit); X <- model.matrix(fit); theta <- as.numeric(theta)
bread <- solve(crossprod(X, X * mu / (1 + mu / theta)))
scores <- X * (d$count - mu) / (1 + mu / theta)
plain <- glm(count ~ age + need + tier + offset(log(days)), poisson, d, control = control)
even <- glm(even ~ age + need + offset(log(days)), poisson, d, control = control)
llf <- sum(dnbinom(d$count, size = theta, mu = mu, log = TRUE))
write_json(list(
  estimate = unname(coef(fit)), covariance = unname(bread), dispersion = 1 / theta,
  loglik = llf, loglik_poisson = c(logLik(plain)),
  robust = unname(bread %*% crossprod(scores) %*% bread),
  clustered = unname(bread %*% crossprod(rowsum(scores, d$area)) %*% bread),
  even = list(estimate = unname(coef(even)), covariance = unname(vcov(even)),
              loglik = c(logLik(even)))),
  "frequency.json", digits = I(17), auto_unbox = TRUE)
