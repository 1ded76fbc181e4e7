# Makes trajectories.csv (240 simulated people of three kinds, 8 half-years with time at liberty) and the
# tops of two-group mixtures in trajectories.json: the same likelihoods written out, climbed by optim(BFGS)
# and then by Newton's steps of Richardson's differences. Run here: Rscript trajectories.R  (R 4.2, jsonlite)
suppressMessages(library(jsonlite))
set.seed(20261125, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
n <- 240; periods <- 8
need <- rbinom(n, 1, .4); kind <- ifelse(runif(n) < plogis(-.9 + 1.1 * need), 2, 1)
d <- expand.grid(period = 1:periods, person = 1:n)
z <- (d$period - 4.5) / 3.5
d$need <- need[d$person]
d$exposure <- round(pmin(1, .25 + rexp(nrow(d), 1.2)), 2)
mu <- d$exposure * exp(ifelse(kind[d$person] == 2, 1.1 + .2 * z - .3 * z^2, -.2 - 1.1 * z))
d$n_offences <- rpois(nrow(d), mu * rgamma(nrow(d), 4, 4)) * rbinom(nrow(d), 1, .85)
write.csv(d[c("person", "period", "n_offences", "exposure", "need")], "trajectories.csv", row.names = FALSE)

X <- cbind(1, z, z^2); y <- d$n_offences; off <- log(d$exposure); who <- d$person
rows <- list(   # log-probability of each row of one group; `s` is its second parameter
  poisson = function(eta, s) dpois(y, exp(eta), log = TRUE),
  zip = function(eta, s) ifelse(y == 0, log(plogis(s) + plogis(-s) * exp(-exp(eta))),
                                plogis(-s, log.p = TRUE) + dpois(y, exp(eta), log = TRUE)),
  tau = function(eta, s) rows$zip(eta, -s * eta),
  `negative-binomial` = function(eta, s) dnbinom(y, mu = exp(eta), size = exp(-s), log = TRUE),
  logit = function(eta, s) dbinom(as.integer(y > 0), 1, plogis(eta), log = TRUE))
loglik <- function(p, family, M) {
  q <- as.integer(!family %in% c("poisson", "logit")); k <- 3 + q; theta <- p[2 * k + seq_len(ncol(M))]
  L <- sapply(0:1, function(g) {
    b <- p[g * k + 1:k]; rowsum(rows[[family]](off + drop(X %*% b[1:3]), if (q) b[4]), who) })
  odds <- drop(M %*% theta); A <- L + cbind(plogis(-odds, log.p = TRUE), plogis(odds, log.p = TRUE))
  m <- pmax(A[, 1], A[, 2]); sum(m + log(rowSums(exp(A - m)))) }
richardson <- function(f, p, h = 1e-3) sapply(seq_along(p), function(j) {
  e <- replace(numeric(length(p)), j, 1)
  D <- sapply(h / 2^(0:3), function(s) (f(p + s * e) - f(p - s * e)) / (2 * s))
  for (m in 1:3) D <- (4^m * D[-1] - D[-length(D)]) / (4^m - 1); D })
hessian <- function(f, p, h = 4e-3) { H <- outer(seq_along(p), seq_along(p), Vectorize(function(j, k) {
  e <- replace(numeric(length(p)), j, 1); g <- replace(numeric(length(p)), k, 1)
  D <- sapply(h / 2^(0:2), function(s) (f(p + s * (e + g)) - f(p + s * (e - g)) - f(p + s * (g - e)) + f(p - s * (e + g))) / (4 * s^2))
  for (m in 1:2) D <- (4^m * D[-1] - D[-length(D)]) / (4^m - 1); D })); (H + t(H)) / 2 }
climb <- function(family, M, second) {
  f <- function(p) loglik(p, family, M)
  p <- c(0, -.5, 0, second, 1, 0, 0, second, -.5, if (ncol(M) > 1) 0)
  p <- optim(p, function(p) -f(p), method = "BFGS", control = list(maxit = 2000, reltol = 1e-15))$par
  for (i in 1:8) { H <- hessian(f, p); p <- p - solve(H, richardson(f, p)) }
  list(loglik = f(p), params = p, std_error = sqrt(diag(solve(-hessian(f, p)))),
       slope = max(abs(richardson(f, p)))) }
one <- matrix(1, n, 1)
write_json(list(
  poisson = climb("poisson", one, NULL), zip = climb("zip", one, -1), tau = climb("tau", one, .2),
  `negative-binomial` = climb("negative-binomial", one, -1), logit = climb("logit", one, NULL),
  membership = climb("zip", cbind(1, need), -1)),
  "trajectories.json", digits = I(17), auto_unbox = TRUE)
