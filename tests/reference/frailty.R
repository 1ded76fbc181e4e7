# Answers in frailty.json, of frailty.csv, which is made here: shared gamma frailty by area, by the EM
# algorithm written out, every step of it R's own coxph with the log frailties as an offset; theta is
# where the slope of the likelihood with the frailties integrated out is 0. Then what R's own
# coxph(... + frailty()) finds, and of the kidney catheters of McGilchrist and Aisbett too.
# Run in this folder: Rscript frailty.R      (R 4.2, survival 3.5-3, jsonlite)
suppressMessages({library(survival); library(jsonlite)})
set.seed(20)
n <- 400; areas <- 40
d <- data.frame(area = sprintf("a%02d", sample(areas, n, TRUE)), region = sample(c("north", "south"), n, TRUE),
                priors = round(rnorm(n), 2), need = rbinom(n, 1, 0.4))
z <- rgamma(areas, 2, 2); names(z) <- sprintf("a%02d", 1:areas)
t <- ceiling(rexp(n, 0.05 * z[d$area] * exp(0.5 * d$priors - 0.4 * d$need) * ifelse(d$region == "north", 1, 2)))
until <- sample(5:40, n, TRUE)
d$entry <- pmin(sample(0:6, n, TRUE) * rbinom(n, 1, 0.4), pmin(t, until) - 1)
d$day <- pmin(t, until); d$event <- as.integer(t <= until)
write.csv(d, "frailty.csv", row.names = FALSE, quote = FALSE)

exactly <- coxph.control(eps = 1e-15, toler.chol = 1e-16, iter.max = 50)
at_theta <- function(theta, formula, data, group, ties, start = rep(0, nrow(data))) {
  data$offset <- start
  f <- update(formula, . ~ . + offset(offset))
  events <- c(tapply(data$event, group, sum)); nu <- 1 / theta
  for (i in 1:5000) {
    fit <- coxph(f, data, ties = ties, control = exactly)
    expected <- c(tapply(data$event - residuals(fit, "martingale"), group, sum))
    w <- c(tapply(data$offset, group, mean))
    moved <- log((nu + events) / (nu + expected / exp(w)))
    data$offset <- unname(moved[group])
    if (max(abs(moved - w)) < 1e-14) break
  }
  fit <- coxph(f, data, ties = ties, control = exactly)
  z <- exp(moved)
  c_ <- sum(mapply(function(m) m - (nu + m) * log1p(m / nu) + sum(log1p(seq_len(max(m - 1, 0)) / nu)), events))
  slope_nu <- sum(mapply(function(m) -log1p(m / nu) + m / nu - sum(seq_len(max(m - 1, 0)) / (nu^2 + nu * seq_len(max(m - 1, 0)))), events))
  value <- fit$loglik[length(fit$loglik)] + nu * sum(moved - z + 1) + c_
  slope <- sum(moved - z + 1) + slope_nu
  list(fit = fit, z = z, value = value, slope = slope, offset = data$offset)
}
fitted <- function(formula, data, group, ties) {
  keep <- new.env(); keep$offset <- rep(0, nrow(data))
  slope <- function(log_theta) {
    found <- at_theta(exp(log_theta), formula, data, group, ties, keep$offset)
    keep$offset <- found$offset
    found$slope
  }
  theta <- exp(uniroot(slope, log(c(0.05, 3)), tol = 1e-13)$root)
  found <- at_theta(theta, formula, data, group, ties, keep$offset)
  without <- coxph(formula, data, ties = ties, control = exactly)
  list(theta = theta, log_hazards = unname(coef(found$fit)), frailties = unname(found$z), log_likelihood = found$value,
       without = without$loglik[2])
}
cells <- list()
for (ties in c("efron", "breslow")) for (strata in c(FALSE, TRUE)) for (entry in c(FALSE, TRUE)) {
  left <- if (entry) "Surv(entry, day, event)" else "Surv(day, event)"
  formula <- as.formula(paste(left, "~ priors + need", if (strata) "+ strata(region)"))
  cell <- fitted(formula, d, d$area, ties)
  # R's own, theta given so that its search does not matter: the error with every product of groups,
  # and by default without.
  own <- function(sparse) {
    f <- update(formula, . ~ . + frailty(area, distribution = "gamma", method = "fixed", theta = th, sparse = sp))
    environment(f) <- list2env(list(th = cell$theta, sp = sparse))
    fit <- suppressWarnings(coxph(f, d, ties = ties, control = coxph.control(eps = 1e-13, iter.max = 100, outer.max = 100)))
    list(error = unname(sqrt(diag(fit$var))[1:2]), log_likelihood = fit$history[[1]]$c.loglik)
  }
  cells[[length(cells) + 1]] <- c(list(ties = ties, strata = strata, entry = entry), cell,
                                  list(whole = own(FALSE), sparse = own(TRUE)))
}
kidneys <- transform(kidney, event = status)
catheters <- fitted(Surv(time, event) ~ age + sex, kidneys, as.character(kidneys$id), "efron")
searched <- suppressWarnings(coxph(Surv(time, status) ~ age + sex + frailty(id, eps = 1e-12, method = "em"), kidney,
                  control = coxph.control(eps = 1e-14, outer.max = 200, iter.max = 100)))
catheters$searched <- list(theta = searched$history[[1]]$theta, log_hazards = unname(coef(searched)[1:2]),
                           log_likelihood = searched$history[[1]]$c.loglik)
write(toJSON(list(cells = cells, kidney = catheters), digits = I(15), auto_unbox = TRUE), "frailty.json")
