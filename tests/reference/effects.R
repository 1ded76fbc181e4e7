# What R says of the effects in matched and weighted cohorts. Written by:
# python -m tests.reference.effects FOLDER; then: Rscript effects.R FOLDER > effects.json
suppressMessages({library(survival); library(sandwich); library(clubSandwich)})
folder <- commandArgs(TRUE)[1]
read <- function(name) read.csv(file.path(folder, name))
out <- list(r = R.version.string, survival = as.character(packageVersion("survival")),
            sandwich = as.character(packageVersion("sandwich")),
            clubSandwich = as.character(packageVersion("clubSandwich")))
horizon <- 120
cl <- function(fit, cluster) sqrt(diag(vcovCL(fit, cluster = cluster, type = "HC0", cadjust = FALSE)))

# The job training, matched one to one: by pair.
men <- read("trained.csv")
for (y in c("re78", "zero")) {
  fit <- lm(as.formula(paste(y, "~ treat")), men, weights = w)
  out[[paste("trained", y)]] <- c(coef(fit)[["treat"]], cl(fit, men$match)[["treat"]],
    sqrt(vcovCR(fit, cluster = men$match, type = "CR0")["treat", "treat"]))
}

# Two to one with replacement: by person, by match, by both.
d <- read("matched.csv")
by <- list(person = ~ id, match = ~ match, both = ~ id + match)
for (y in c("harm", "yes")) {
  fit <- lm(as.formula(paste(y, "~ joined")), d, weights = w)
  out[[paste("matched", y)]] <- c(coef(fit)[["joined"]], sapply(by, function(b) cl(fit, b)[["joined"]]))
}
fit <- glm(count ~ joined + offset(log(years)), quasipoisson, d, weights = w)
out[["matched count"]] <- c(coef(fit)[["joined"]], sapply(by, function(b) cl(fit, b)[["joined"]]))
hazard <- function(cluster) {
  fit <- coxph(Surv(day, reoffended) ~ joined, d, weights = w, cluster = cluster,
               control = coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 50))
  c(coef(fit), sqrt(vcov(fit)))
}
both <- sqrt(hazard(d$id)[2]^2 + hazard(d$match)[2]^2 - hazard(seq_len(nrow(d)))[2]^2)
out[["matched hazard"]] <- unname(c(hazard(d$id), hazard(d$match)[2], both))

# Shares, areas and causes by a day, by person.
last <- function(fit, x) x[max(which(fit$time <= horizon))]
share <- area <- c()
for (joined in 0:1) {
  g <- d[d$joined == joined, ]
  fit <- survfit(Surv(day, reoffended) ~ 1, g, weights = w, cluster = id, robust = TRUE, influence = TRUE)
  share <- c(share, 1 - last(fit, fit$surv), last(fit, fit$std.err * if (fit$logse) fit$surv else 1))
  days <- fit$time[fit$time <= horizon]
  width <- diff(c(days, horizon))
  moves <- fit$influence.surv
  if (is.list(moves)) moves <- moves[[1]]
  moved <- rowSums(sweep(moves[, seq_along(days), drop = FALSE], 2, width, "*"))
  area <- c(area, days[1] + sum(fit$surv[seq_along(days)] * width), sqrt(sum(moved^2)))
}
out$share <- share; out$area <- area
d$kind <- factor(ifelse(d$over == 1, d$cause, "none"), c("none", "death", "reoffence"))
d$row <- seq_len(nrow(d))
first <- c()
for (joined in 0:1) {
  g <- d[d$joined == joined, ]
  fit <- survfit(Surv(day, kind) ~ 1, g, weights = w, id = row, influence = TRUE)
  k <- max(which(fit$time <= horizon))
  for (state in c("death", "reoffence")) {
    # `cluster` is not heeded here; the influence starts with day 0 and lacks the weight
    moves <- rowsum(g$w * fit$influence.pstate[, k + 1, fit$states == state], g$id)
    first <- c(first, fit$pstate[k, fit$states == state], sqrt(sum(moves^2)))
  }
}
out$first <- first

# Weighted, and doubly robust: all equations stacked, their slopes by differences.
p <- read("people.csv")
X <- cbind(1, p$age, p$previous); A <- p$joined
tight <- glm.control(epsilon = 1e-14, maxit = 100)
stacked <- function(theta, equations) {
  h <- 1e-5 * pmax(abs(theta), 1e-2)
  slopes <- sapply(seq_along(theta), function(j) {
    e <- replace(numeric(length(theta)), j, h[j])
    (colSums(equations(theta + e)) - colSums(equations(theta - e))) / (2 * h[j])
  })
  moves <- equations(theta) %*% t(solve(slopes))
  moves
}
chance <- glm(joined ~ age + previous, binomial, p, control = tight)
weights_of <- list(
  ATT = function(e) ifelse(A == 1, 1, e / (1 - e)), ATE = function(e) ifelse(A == 1, 1 / e, 1 / (1 - e)),
  ATO = function(e) ifelse(A == 1, 1 - e, e))
for (who in names(weights_of)) {
  w <- weights_of[[who]](fitted(chance))
  start <- c(coef(chance), weighted.mean(p$harm[A == 0], w[A == 0]), weighted.mean(p$harm[A == 1], w[A == 1]))
  equations <- function(theta) {
    e <- plogis(X %*% theta[1:3])[, 1]; w <- weights_of[[who]](e)
    cbind(X * (A - e), w * (1 - A) * (p$harm - theta[4]), w * A * (p$harm - theta[5]))
  }
  moves <- stacked(start, equations)
  out[[paste("estimated", who)]] <- c(start[5] - start[4], sqrt(sum((moves[, 5] - moves[, 4])^2)))
}
for (y in c("harm", "yes")) for (who in c("ATT", "ATE")) {
  family <- if (y == "yes") binomial() else gaussian(); mean_of <- family$linkinv
  models <- lapply(0:1, function(a) glm(as.formula(paste(y, "~ age + previous")), family, p[A == a, ], control = tight))
  # coefficients (3 + 3 + 3), then both corrections and both means
  of <- function(theta) {
    e <- plogis(X %*% theta[1:3])[, 1]; w <- weights_of[[who]](e)
    list(e = e, w = w, m0 = mean_of(X %*% theta[4:6])[, 1], m1 = mean_of(X %*% theta[7:9])[, 1])
  }
  target <- if (who == "ATT") A else rep(1, nrow(p))
  start <- c(coef(chance), coef(models[[1]]), coef(models[[2]]))
  at <- of(c(start)); Y <- p[[y]]
  start <- c(start, weighted.mean((Y - at$m0)[A == 0], at$w[A == 0]), weighted.mean((Y - at$m1)[A == 1], at$w[A == 1]))
  start <- c(start, weighted.mean(at$m0, target) + start[10], weighted.mean(at$m1, target) + start[11])
  equations <- function(theta) {
    at <- of(theta)
    cbind(X * (A - at$e), X * (1 - A) * (Y - at$m0), X * A * (Y - at$m1),
          at$w * (1 - A) * (Y - at$m0 - theta[10]), at$w * A * (Y - at$m1 - theta[11]),
          target * (at$m0 + theta[10] - theta[12]), target * (at$m1 + theta[11] - theta[13]))
  }
  moves <- stacked(start, equations)
  out[[paste("robust", y, who)]] <- unname(c(start[12], start[13], sqrt(sum(moves[, 12]^2)),
                                             sqrt(sum((moves[, 13] - moves[, 12])^2))))
}

# Curves of a Cox model, averaged over everybody and over those who joined.
fit <- coxph(Surv(day, reoffended) ~ joined + age + previous, p, control = coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 50))
for (who in c("ATE", "ATT")) {
  target <- if (who == "ATE") p else p[p$joined == 1, ]
  out[[paste("averaged", who)]] <- unlist(lapply(0:1, function(a) {
    rowMeans(summary(survfit(fit, transform(target, joined = a)), times = c(30, 90, 180))$surv)
  }))
}
cat("{\n", paste(sprintf("\"%s\": %s", names(out), sapply(out, function(x)
  if (is.character(x)) sprintf("\"%s\"", x) else sprintf("[%s]", paste(sprintf("%.15g", x), collapse = ", ")))),
  collapse = ",\n"), "\n}\n", sep = "")
