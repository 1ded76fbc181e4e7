# Answers, in public_data.json, to the questions of public_data.py on public studies. Both are
# written to a folder first, from the top of the repository:
#   python -m tests.reference.public_data FOLDER
# Run in this folder: Rscript public_data.R FOLDER     (R 4.2, survival 3.5-3, cmprsk 2.2-11, jsonlite)
suppressMessages({library(survival); library(cmprsk); library(jsonlite)})
folder <- commandArgs(TRUE)[1]
questions <- fromJSON(file.path(folder, "questions.json"), simplifyDataFrame = FALSE)
exactly <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 60)

# Labels in the order of their characters, whatever the language of this machine.
read <- function(name) {
  d <- read.csv(file.path(folder, paste0(name, ".csv")), na.strings = "NA", check.names = FALSE,
                colClasses = if (name == "recid") c(before = "character") else NA)
  for (column in names(d)) if (is.character(d[[column]]))
    d[[column]] <- factor(d[[column]], sort(unique(d[[column]]), method = "radix"))
  d
}
frames <- list()
frame <- function(name) {
  if (is.null(frames[[name]])) frames[[name]] <<- read(name)
  frames[[name]]
}
left <- function(q, event = q$event) {
  times <- if (is.null(q$start)) q$stop else paste0(q$start, ", ", q$stop)
  sprintf("Surv(%s, %s)", times, event)
}
formula_of <- function(q, right, event = q$event) as.formula(paste(left(q, event), "~", right))
terms_of <- function(q) {
  groups <- if (is.null(q$strata)) NULL else sprintf("strata(%s)", q$strata)
  paste(c(sprintf("`%s`", q$terms), groups), collapse = " + ")
}
by_group <- function(q, d, found) {
  if (is.null(q$by)) return(list(all = found(d)))
  d[[q$by]] <- factor(d[[q$by]])
  lapply(split(d, d[[q$by]]), found)
}

answer <- list(
  curve = function(q, d) by_group(q, d, function(here) {
    s <- summary(survfit(formula_of(q, "1"), here, conf.type = "log-log"), times = q$days,
                 extend = TRUE)
    list(estimate = s$surv, std_error = s$std.err, conf_low = s$lower, conf_high = s$upper,
         hazard = s$cumhaz, hazard_error = s$std.chaz, n_at_risk = s$n.risk)
  }),
  restricted = function(q, d) by_group(q, d, function(here) {
    s <- summary(survfit(formula_of(q, "1"), here), rmean = q$days)$table
    list(estimate = s[["rmean"]], std_error = s[["se(rmean)"]])
  }),
  test = function(q, d) {
    q$terms <- q$by
    s <- survdiff(formula_of(q, terms_of(q)), d, rho = q$rho)
    list(statistic = s$chisq)
  },
  cox = function(q, d) {
    call <- list(formula_of(q, terms_of(q)), d, ties = q$ties, control = exactly,
                 robust = isTRUE(q$robust) || !is.null(q$cluster))
    if (!is.null(q$weight)) call$weights <- d[[q$weight]]
    if (!is.null(q$cluster)) call$cluster <- d[[q$cluster]]
    fit <- do.call(coxph, call)
    found <- list(coefficients = unname(coef(fit)), covariance = unname(vcov(fit)),
                  loglik = fit$loglik, score = fit$score, n = fit$n, n_events = fit$nevent)
    if (q$ties != "exact") {
      found$concordance <- c(fit$concordance[["concordance"]], fit$concordance[["std"]])
      if (is.null(q$strata)) {
        base <- basehaz(fit, centered = FALSE)
        found$hazard <- list(day = base$time, estimate = base$hazard)
      }
      if (!is.null(q$clocks)) found$tests <- lapply(q$clocks, function(clock) {
        z <- cox.zph(fit, clock)$table
        list(clock = clock, statistic = unname(z[, "chisq"]), df = unname(z[, "df"]))
      })
    }
    found
  },
  time = function(q, d) {
    fit <- survreg(formula_of(q, terms_of(q)), d, dist = q$law,
                   control = survreg.control(rel.tolerance = 1e-14, maxiter = 100))
    scale <- if (q$law == "exponential") NULL else log(fit$scale)
    list(estimate = unname(c(coef(fit), scale)), covariance = unname(vcov(fit)),
         loglik = fit$loglik[2])
  },
  # The likelihood of a split population written out, climbed from several places; covariates are
  # divided by their standard deviations on the way. In the order location, log scale, share.
  split = function(q, d) {
    spread <- function(terms) c(1, vapply(d[as.character(terms)], sd, 1, USE.NAMES = FALSE))
    part <- function(terms)
      sweep(cbind(rep(1, nrow(d)), as.matrix(d[as.character(terms)])), 2, spread(terms), "/")
    x <- part(q$terms)
    v <- part(q$share)
    log_time <- log(d[[q$stop]])
    event <- d[[q$event]] == 1
    minus <- function(par) {
      scale <- if (q$law == "exponential") 1 else exp(par[ncol(x) + 1])
      z <- (log_time - x %*% par[seq_len(ncol(x))]) / scale
      ever <- plogis(v %*% tail(par, ncol(v)))
      left <- switch(q$law, lognormal = pnorm(-z), loglogistic = plogis(-z), exp(-exp(z)))
      density <- switch(q$law, lognormal = dnorm(z, log = TRUE), loglogistic = dlogis(z, log = TRUE),
                        z - exp(z))
      value <- -sum(ifelse(event, log(ever) + density - log(scale) - log_time,
                           log(1 - ever + ever * left)))
      if (is.finite(value)) value else 1e10
    }
    size <- ncol(x) + ncol(v) + (q$law != "exponential")
    best <- list(value = Inf)
    for (first in c(3, 3.5)) {
      found <- list(par = c(first, rep(0, size - 1)))
      for (i in 1:4) {
        steps <- list(reltol = 1e-16, maxit = 2000, ndeps = rep(10^-(3 + i / 2), size))
        found <- optim(found$par, minus, method = "BFGS", control = steps)
      }
      if (found$value < best$value) best <- found
    }
    units <- c(spread(q$terms), if (q$law != "exponential") 1, spread(q$share))
    list(loglik = -best$value, estimate = best$par / units)
  },
  incidence = function(q, d) by_group(q, d, function(here) {
    causes <- levels(droplevels(here[[q$cause]][here[[q$event]] == 1]))
    here$first <- factor(ifelse(here[[q$event]] == 1, as.character(here[[q$cause]]), "none"),
                         c("none", causes))
    s <- summary(survfit(formula_of(q, "1", "first"), here), times = q$days, extend = TRUE)
    lapply(setNames(seq_along(causes), causes), function(k)
      list(estimate = s$pstate[, k + 1], std_error = s$std.err[, k + 1]))
  }),
  gray = function(q, d) {
    strata <- if (is.null(q$strata)) rep(1, nrow(d)) else d[[q$strata]]
    code <- ifelse(d[[q$event]] == 1, as.character(d[[q$cause]]), "")
    tests <- cuminc(d[[q$stop]], code, d[[q$by]], strata, rho = q$rho, cencode = "")$Tests
    setNames(as.list(tests[, "stat"]), rownames(tests))
  },
  "fine-gray" = function(q, d) {
    code <- ifelse(d[[q$event]] == 1, as.character(d[[q$cause]]), "")
    fit <- crr(d[[q$stop]], code, as.matrix(d[q$terms]), failcode = q$of, cencode = "",
               gtol = 1e-13, maxiter = 50)
    list(coefficients = unname(fit$coef), covariance = unname(fit$var), loglik = fit$loglik)
  },
  # Person by person: the number of events before each row, and the day of the last one.
  repeated = function(q, d) {
    d <- d[order(d[[q$person]], d[[q$stop]]), ]
    d$event_number <- ave(d[[q$event]], d[[q$person]], FUN = cumsum) - d[[q$event]] + 1
    d$since <- ave(d[[q$event]] * d[[q$stop]], d[[q$person]],
                   FUN = function(x) c(0, cummax(x)[-length(x)]))
    if (!is.null(q$up_to)) d <- d[d$event_number <= q$up_to, ]
    if (q$model == "pwp-gap") d[c(q$start, q$stop)] <- d[c(q$start, q$stop)] - d$since
    right <- paste(c(sprintf("`%s`", q$terms), if (q$model != "andersen-gill") "strata(event_number)"),
                   collapse = " + ")
    d$person <- d[[q$person]]
    fit <- coxph(formula_of(q, right), d, cluster = person, control = exactly)
    list(coefficients = unname(coef(fit)), covariance = unname(vcov(fit)), loglik = fit$loglik[2])
  },
  number = function(q, d) by_group(q, d, function(here) {
    here$person <- here[[q$person]]
    s <- summary(survfit(formula_of(q, "1"), here, id = person, cluster = person, robust = TRUE),
                 times = q$days, extend = TRUE)
    list(estimate = s$cumhaz, std_error = s$std.chaz)
  }))

answers <- lapply(questions, function(q) answer[[q$kind]](q, frame(q$study)))
write(toJSON(answers, digits = I(15), auto_unbox = TRUE, na = "null"), "public_data.json")
