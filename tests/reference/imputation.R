# Rscript --vanilla imputation.R > imputation.json: R survival, mice.
# people: simulated here. scalars: pool.scalar. copies: completed by mice, then pool(coxph) and D1 by its published
# formula. many: the same from 400 copies. product: coxph with a product, weights and clusters.
# curve: log(-log S) of Kaplan-Meier in each copy by pool.scalar, at day 100.
suppressMessages({library(mice); library(survival); library(jsonlite)})
set.seed(20)
n <- 220
age <- round(rnorm(n, 32, 8)); joined <- rbinom(n, 1, 0.4); need <- rbinom(n, 1, plogis(0.05 * (age - 32) + 0.5 * joined))
time <- ceiling(rexp(n, 0.004 * exp(0.9 * need - 0.5 * joined - 0.4 * joined * need - 0.03 * (age - 32))))
event <- as.integer(time <= 300); day <- pmin(time, 300)
lost <- rbinom(n, 1, plogis(-1.2 + 0.8 * event + 0.4 * joined)) == 1
people <- data.frame(person = seq_len(n), day, event, age, joined, need = ifelse(lost, NA, need),
                     true_need = need, weight = round(runif(n, 0.4, 2), 2), pair = rep(1:110, 2))
scalars <- lapply(list(
  list(q = c(0.41, 0.36, 0.52, 0.47, 0.39), u = c(0.010, 0.012, 0.009, 0.011, 0.010), complete = Inf),
  list(q = c(0.41, 0.36, 0.52, 0.47, 0.39), u = c(0.010, 0.012, 0.009, 0.011, 0.010), complete = 38),
  list(q = c(-1.2, -0.9), u = c(0.04, 0.05), complete = 12)), function(one) {
  p <- pool.scalar(one$q, one$u, n = one$complete + 1, k = 1)
  list(q = one$q, u = one$u, complete = if (is.finite(one$complete)) one$complete else NULL,
       estimate = p$qbar, within = p$ubar, between = p$b, variance = p$t, df = p$df, missing = p$fmi)
})
filled <- function(m) {
  d <- people[, c("event", "age", "joined", "need")]
  d$hazard <- nelsonaalen(data.frame(day, event), day, event)
  d$need <- factor(d$need)
  suppressWarnings(mice(d, m = m, maxit = 5, method = c("", "", "", "logreg", ""), printFlag = FALSE, seed = 7))
}
pooled <- function(imputed) {
  fits <- lapply(seq_len(imputed$m), function(k) {
    d <- complete(imputed, k); d$day <- day; d$need <- as.integer(as.character(d$need))
    coxph(Surv(day, event) ~ joined + need + age, d)
  })
  list(pooled = pool(as.mira(fits))$pooled, fits = fits, needs = lapply(seq_len(imputed$m), function(k)
    as.integer(as.character(complete(imputed, k)$need))))
}
four <- pooled(filled(4))
q <- t(sapply(four$fits, coef))[, 1:2]; u <- lapply(four$fits, function(f) vcov(f)[1:2, 1:2])
m <- 4; k <- 2; ubar <- Reduce(`+`, u) / m; b <- cov(q); qbar <- colMeans(q)
r <- (1 + 1 / m) * sum(diag(b %*% solve(ubar))) / k
d1 <- drop(qbar %*% solve(ubar) %*% qbar) / (k * (1 + r))
t <- k * (m - 1); nu <- 4 + (t - 4) * (1 + (1 - 2 / t) / r)^2
curve <- lapply(0:1, function(x) {
  s <- lapply(four$needs, function(z) summary(survfit(Surv(day, event) ~ 1, subset = z == x), times = 100))
  surv <- sapply(s, `[[`, "surv"); e <- sapply(s, `[[`, "std.err")
  p <- pool.scalar(log(-log(surv)), (e / (surv * log(surv)))^2, n = Inf, k = 1)
  reach <- qt(0.975, p$df) * sqrt(p$t)
  c(exp(-exp(p$qbar)), exp(-exp(p$qbar + reach)), exp(-exp(p$qbar - reach)))
})
many <- pooled(filled(400))
full <- people[!is.na(people$need), ]
product <- coxph(Surv(day, event) ~ joined * need, full, weights = weight, cluster = pair)
v <- vcov(product); e <- coef(product)
contrast <- rbind(c(1, 0, 1), c(1, 0, 0), c(0, 0, 1))
cat(toJSON(list(
  versions = paste(R.version.string, "survival", packageVersion("survival"), "mice", packageVersion("mice")),
  people = as.list(people), scalars = scalars,
  copies = list(needs = four$needs, estimate = four$pooled$estimate, variance = four$pooled$t, df = four$pooled$df,
                missing = four$pooled$fmi, d1 = d1, d1_df = nu, d1_p = pf(d1, k, nu, lower.tail = FALSE)),
  curve = curve,
  many = list(estimate = many$pooled$estimate, error = sqrt(many$pooled$t), missing = many$pooled$fmi,
              share = mean(sapply(many$needs, function(z) mean(z[is.na(people$need)])))),
  product = list(log = drop(contrast %*% e), error = sqrt(diag(contrast %*% v %*% base::t(contrast))))
), auto_unbox = TRUE, digits = I(16), na = "null"), "\n")
