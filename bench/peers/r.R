# What `bench.child` does, in R: Rscript --vanilla r.R JOB FOLDER [once]
# prints the same JSON.
# survival with its defaults, cmprsk, MatchIt for matching; jsonlite for the printing.
job <- commandArgs(TRUE)[1]
packages <- c("survival", "cmprsk", if (job == "matching") "MatchIt")
missing <- Filter(function(name) !requireNamespace(name, quietly = TRUE), c(packages, "jsonlite"))
if (length(missing)) {
  cat(sprintf('{"missing": "no R package %s"}', paste(missing, collapse = ", ")))
  quit()
}
suppressMessages(library(survival))
files <- list.files(commandArgs(TRUE)[2], "[.]f64$", full.names = TRUE)
size <- sum(file.size(files))
d <- lapply(files, function(file) readBin(file, "double", file.size(file) / 8))
names(d) <- sub("[.]f64$", "", basename(files))
drawn <- d$drawn
d <- as.data.frame(d[!names(d) %in% c("drawn", "replicates")])
terms <- grep("^x", names(d), value = TRUE)
response <- if ("start" %in% names(d)) "Surv(start, stop, event)" else "Surv(stop, event)"
strata <- if ("strata" %in% names(d)) "strata(strata)"
cox_formula <- if (length(terms)) reformulate(c(terms, strata), response)
days <- function(fit) fit$n.event > 0

cox <- function(...) {
  call <- list(cox_formula, d, ...)
  if ("weight" %in% names(d)) call$weights <- d$weight
  fit <- do.call(coxph, call)
  list(coef = unname(coef(fit)), se = unname(sqrt(diag(vcov(fit)))), loglik = fit$loglik[2])
}
resampled <- function(one) list(coef = c(apply(matrix(drawn, nrow(d)) + 1, 2, one)))
jobs <- list(
  cox = function() cox(),
  cox_clustered = function() cox(cluster = d$person),
  curves = function() {
    fit <- survfit(Surv(stop, event) ~ cohort, d)
    test <- survdiff(Surv(stop, event) ~ cohort, d)
    list(estimate = fit$surv[days(fit)], se = (fit$surv * fit$std.err)[days(fit)],
         statistic = test$chisq)
  },
  incidence = function() {
    fit <- survfit(Surv(stop, factor(cause, 0:2)) ~ 1, d)
    any <- rowSums(fit$n.event[, -1]) > 0
    list(estimate = c(fit$pstate[any, -1]), se = c(fit$std.err[any, -1]))
  },
  mean_number = function() {
    fit <- survfit(Surv(start, stop, event) ~ 1, d, id = person, cluster = person, robust = TRUE,
                   conf.type = "none")
    list(estimate = fit$cumhaz[days(fit)], se = fit$std.chaz[days(fit)])
  },
  fine_gray = function() {
    fit <- cmprsk::crr(d$stop, d$cause, as.matrix(d[terms]), failcode = 1, gtol = 1e-10)
    list(coef = unname(fit$coef), se = unname(sqrt(diag(fit$var))))
  },
  matching = function() {
    found <- MatchIt::matchit(reformulate(terms, "exposed"), d, caliper = 0.2, m.order = "largest")
    list(coef = unname(coef(found$model))[-1])
  },
  cure_weibull = function() {  # by hand, as there is no package for it in Debian
    x <- cbind(1, as.matrix(d[terms]))
    share <- seq_len(ncol(x)); latency <- ncol(x) + share
    minus <- function(b) {
      odds <- c(x %*% b[share])
      z <- (log(d$stop) - c(x %*% b[latency])) / exp(b[length(b)])
      event <- plogis(odds, log.p = TRUE) + z - exp(z) - b[length(b)] - log(d$stop)
      none <- log(plogis(-odds) + plogis(odds) * exp(-exp(z)))
      -sum(ifelse(d$event == 1, event, none))
    }
    begin <- c(rep(0, ncol(x)), mean(log(d$stop)), rep(0, length(terms) + 1))
    fit <- optim(begin, minus, method = "BFGS", hessian = TRUE,
                 control = list(maxit = 500, reltol = 1e-12))
    list(coef = fit$par, se = sqrt(diag(solve(fit$hessian))), loglik = -fit$value)
  },
  bootstrap = function() resampled(function(rows) coef(coxph(cox_formula, d[rows, ]))),
  bootstrap_bare = function() {
    x <- as.matrix(d[terms]); y <- with(d, Surv(stop, event)); bare <- coxph.control()
    resampled(function(rows) coxph.fit(x[rows, ], y[rows], NULL, NULL, NULL, bare, NULL, "efron",
                                       NULL)$coefficients)
  })

peak <- function() {
  status <- tryCatch(readLines("/proc/self/status"), error = function(e) "")
  1024 * as.numeric(sub("\\D+(\\d+).*", "\\1", grep("^VmHWM:", status, value = TRUE)))[1]
}
took <- function(action, seconds) {
  begin <- proc.time(); calls <- 0
  repeat {
    answer <- action(); calls <- calls + 1
    time <- proc.time() - begin
    if (sum(time[1:2]) >= seconds) break
  }
  list(cpu = sum(time[1:2]) / calls, wall = time[[3]] / calls, answer = answer)
}
invisible(gc())
try(cat("5", file = "/proc/self/clear_refs"), silent = TRUE)
before <- peak()
first <- took(jobs[[job]], 0)
used <- peak() - before
time <- if (first$cpu <= 30 && !identical(commandArgs(TRUE)[3], "once")) took(jobs[[job]], .3) else first
cat(jsonlite::toJSON(list(
  version = paste0(c(paste0(R.version$major, ".", R.version$minor), vapply(packages, function(name)
    paste(name, packageVersion(name)), "")), collapse = ", "),
  input_bytes = size, answer = lapply(first$answer, function(x) I(ifelse(is.na(x), NaN, x))), door = c(0, 0), fit = c(time$cpu, time$wall),
  door_bytes = 0, fit_bytes = used), digits = NA, auto_unbox = TRUE, na = "string"))
