# A split population with a Cox latency, in R: Rscript cure.R, in this folder.
#
# Writes 240 simulated people to cure.csv (whole days with many ties; some enter late, weights are
# not whole) and answers to cure.json: by EM as in smcure (Peng and Dear 2000; Sy and Taylor 2000),
# written out with glm and coxph (weights, Breslow ties, the curve 0 after the last event), run
# until nothing moves; and, with late entry, by climbing the likelihood of coefficients and jumps
# together. Standard errors are from its second derivatives by differences (numDeriv).
suppressMessages({library(survival); library(jsonlite); library(numDeriv)})
set.seed(1919, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")

n <- 240
need <- rbinom(n, 1, 0.5)
priors <- round(rnorm(n), 2)
eventual <- rbinom(n, 1, plogis(-0.2 + 0.8 * need))
day <- ceiling(8 * rweibull(n, 1.2) * exp(-0.3 * priors))
ends <- sample(40:60, n, TRUE)
entry <- ifelse(runif(n) < 0.4, sample(1:6, n, TRUE), 0)
event <- as.integer(eventual & day <= ends)
stop <- ifelse(event == 1, day, ends)
entry[entry >= stop] <- 0
people <- data.frame(entry, stop, event, need, priors, w = round(runif(n, 0.4, 2.6), 1))
write.csv(people, "cure.csv", row.names = FALSE)

X <- as.matrix(people[c("need", "priors")])   # latency
V <- cbind(1, people$need)                    # share
days <- sort(unique(stop[event == 1]))
tail <- stop > max(days)

at <- function(h, when) c(0, cumsum(h))[findInterval(when, days) + 1]

# What a row is worth, given coefficients (latency, share) and jumps h.
value <- function(beta, gamma, h, start, w) {
  r <- exp(drop(X %*% beta)); theta <- drop(V %*% gamma)
  never <- plogis(-theta); ever <- plogis(theta)
  lives <- function(H) never + ever * exp(-r * H)
  out <- ifelse(event == 1,
                log(ever) + log(h[match(stop, days)]) + drop(X %*% beta) - r * at(h, stop),
                ifelse(tail, log(never), log(lives(at(h, stop)))))
  sum(w * (out - ifelse(start > 0, log(lives(at(h, start))), 0)))
}

still <- function(beta, gamma, h) {
  r <- exp(drop(X %*% beta)); theta <- drop(V %*% gamma)
  ifelse(event == 1, 1, ifelse(tail, 0, plogis(theta - r * at(h, stop))))
}

breslow <- function(beta, u, w) {
  risk <- w * u * exp(drop(X %*% beta))
  sapply(days, function(d) sum(w[event == 1 & stop == d]) / sum(risk[stop >= d]))
}

em <- function(w) {
  beta <- c(0, 0); gamma <- c(0, 0); h <- breslow(beta, as.numeric(event == 1 | !tail), w)
  for (round in 1:20000) {
    u <- still(beta, gamma, h)
    glmfit <- suppressWarnings(glm.fit(V, u, weights = w, family = quasibinomial(), start = gamma,
                                       control = list(epsilon = 1e-15, maxit = 50)))
    keep <- u > 0
    cox <- coxph(Surv(stop, event) ~ X + offset(log(u)), weights = w, subset = keep,
                 ties = "breslow", init = beta, control = coxph.control(eps = 1e-14, iter.max = 50))
    moved <- max(abs(c(coef(cox) - beta, coef(glmfit) - gamma)))
    beta <- unname(coef(cox)); gamma <- unname(coef(glmfit)); h <- breslow(beta, u, w)
    if (moved < 1e-13) break
  }
  list(beta = beta, gamma = gamma, h = h, rounds = round)
}

# The best jumps for given coefficients, by the same EM in the jumps alone.
profile <- function(par, h, w) {
  for (round in 1:5000) {
    new <- breslow(par[1:2], still(par[1:2], par[3:4], h), w)
    moved <- max(abs(new / h - 1)); h <- new
    if (moved < 1e-14) break
  }
  value(par[1:2], par[3:4], h, rep(0, n), w)
}

answer <- function(beta, gamma, h, covariance, start, w, entry, weights) {
  marks <- c(5, 12, 30)
  r <- exp(sum(beta * c(1, 0.5))); ever <- plogis(sum(gamma * c(1, 1)))
  list(entry = entry, weights = weights, estimate = c(beta, gamma), day = days,
       cumulative = cumsum(h), std_error = sqrt(diag(covariance))[1:4],
       loglik = value(beta, gamma, h, start, w), at = marks,
       survival = 1 - ever + ever * exp(-r * at(h, marks)))
}

by_em <- function(w, weights) {
  top <- em(w)
  bend <- hessian(profile, c(top$beta, top$gamma), h = top$h, w = w)
  answer(top$beta, top$gamma, top$h, solve(-bend), rep(0, n), w, FALSE, weights)
}

climbed <- function(start, w, from, weights) {
  minus <- function(par) -value(par[1:2], par[3:4], exp(par[-(1:4)]), start, w)
  par <- c(from$beta, from$gamma, log(from$h))
  for (round in 1:60) {
    slope <- grad(minus, par); bend <- hessian(minus, par)
    step <- solve(bend, slope)
    while (minus(par - step) > minus(par)) { step <- step / 2; if (max(abs(step)) < 1e-12) break }
    par <- par - step
    if (max(abs(step)) < 1e-10) break
  }
  answer(par[1:2], par[3:4], exp(par[-(1:4)]), solve(hessian(minus, par)), start, w, TRUE, weights)
}

one <- rep(1, n)
answers <- list(
  r = R.version.string, survival = as.character(packageVersion("survival")),
  cells = list(by_em(one, FALSE), by_em(people$w, TRUE), climbed(entry, one, em(one), FALSE),
               climbed(entry, people$w, em(people$w), TRUE)))
write_json(answers, "cure.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
