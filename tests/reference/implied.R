# Answers in implied.json, of competing.csv: the shares implied by a Cox model of each cause.
# With Breslow ties they are those of R's own multi-state coxph and survfit. Errors, which R 3.5 does
# not give, are g' I^-1 g: I is the information of the whole likelihood (log hazards, and a hazard for
# every day with an event of the cause), written out; g is the slope of the share by them all, by
# complex differences. With Efron ties R 3.5's multi-state survfit counts the first cause's ties
# wrongly, so the shares are made here from R's two coxph fits.
# Run in this folder: Rscript implied.R      (R 4.2, survival 3.5-3, jsonlite)
suppressMessages({library(survival); library(jsonlite)})
d <- read.csv("competing.csv")
d$id <- seq_len(nrow(d))
causes <- sort(unique(d$cause[d$event == 1]))
d$what <- factor(ifelse(d$event == 1, d$cause, "none"), c("none", causes))
exactly <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 50)
profile <- data.frame(priors = 0.7, need = 1); wanted <- c(3, 8, 15)

shares <- function(day, increments) {           # increments: days x causes, complex or real
  total <- rowSums(increments); left <- exp(-cumsum(total)); before <- c(1, left[-length(left)])
  rate <- (1 - exp(-total)) / total
  cbind(apply(before * rate * increments, 2, cumsum), left)
}
error <- function(entry) {
  x <- as.matrix(d[, c("priors", "need")]); start <- if (entry) d$entry else rep(0, nrow(d))
  profile <- as.numeric(profile)
  fits <- lapply(causes, function(cause) {
    mine <- d$event == 1 & d$cause == cause
    beta <- coef(coxph(Surv(start, d$day, mine) ~ x, ties = "breslow", control = exactly))
    day <- sort(unique(d$day[mine])); r <- exp(drop(x %*% beta))
    at <- outer(day, seq_along(r), function(t, i) start[i] < t & t <= d$day[i])
    deaths <- sapply(day, function(t) sum(mine & d$day == t))
    hazard <- deaths / drop(at %*% r)
    expected <- drop(hazard %*% at) * r
    info <- rbind(cbind(t(x) %*% (x * expected), t(x * r) %*% t(at)),
                  cbind(at %*% (x * r), diag(deaths / hazard^2, length(day))))
    list(day = day, theta = c(beta, hazard), covariance = solve(info))
  })
  all_days <- sort(unique(unlist(lapply(fits, function(f) f$day))))
  of <- function(thetas) {
    increments <- sapply(seq_along(fits), function(c) {
      theta <- thetas[[c]]; out <- complex(length(all_days))
      out[match(fits[[c]]$day, all_days)] <- theta[-(1:2)] * exp(sum(theta[1:2] * profile))
      out
    })
    found <- shares(all_days, increments)
    found[findInterval(wanted, all_days), , drop = FALSE]
  }
  thetas <- lapply(fits, function(f) as.complex(f$theta))
  spread <- 0
  for (c in seq_along(fits)) {
    slopes <- sapply(seq_along(thetas[[c]]), function(j) {
      moved <- thetas; moved[[c]][j] <- moved[[c]][j] + 1e-30i
      Im(of(moved)) / 1e-30
    })
    spread <- spread + rowSums((slopes %*% fits[[c]]$covariance) * slopes)
  }
  matrix(sqrt(spread), length(wanted))
}
estimate <- function(ties, entry) {
  start <- if (entry) d$entry else rep(0, nrow(d))
  if (ties == "breslow") {
    fit <- coxph(if (entry) Surv(entry, day, what) ~ priors + need else Surv(day, what) ~ priors + need, d,
                 id = id, ties = ties, control = exactly)
    found <- survfit(fit, newdata = profile)
    p <- found$pstate[, 1, ][findInterval(wanted, found$time), ]
    return(unname(cbind(p[, -1], p[, 1])))
  }
  day <- sort(unique(d$day[d$event == 1]))
  increments <- sapply(causes, function(cause) {
    mine <- as.integer(d$event == 1 & d$cause == cause)
    fit <- coxph(Surv(start, day, mine) ~ priors + need, d, ties = ties, control = exactly)
    found <- survfit(fit, newdata = profile)
    diff(c(0, found$cumhaz[match(day, found$time)]))
  })
  unname(shares(day, increments)[findInterval(wanted, day), ])
}
cells <- list()
for (ties in c("efron", "breslow")) for (entry in c(FALSE, TRUE)) {
  cell <- list(ties = ties, entry = entry, share = estimate(ties, entry))
  if (ties == "breslow") cell$error <- error(entry)
  cells[[length(cells) + 1]] <- cell
}
write(toJSON(list(causes = causes, days = wanted, cells = cells), digits = I(15), auto_unbox = TRUE),
      "implied.json")
