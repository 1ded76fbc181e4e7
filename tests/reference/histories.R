# Infections of 128 patients, all of them and the first: Rscript histories.R, in this folder.
suppressMessages({library(survival); library(jsonlite)})
d <- cgd
d$gamma <- as.integer(d$treat == "rIFN-g")
d$autosomal <- as.integer(d$inherit == "autosomal")
one <- d[d$enum == 1, ]
terms <- c("gamma", "autosomal", "age", "steroids")
told <- function(fit) list(coef = as.list(setNames(coef(fit), terms)),
  error = as.list(setNames(sqrt(diag(vcov(fit))), terms)), loglik = fit$loglik[2])
days <- c(50, 100, 200, 300)
curve <- summary(survfit(Surv(tstop, status) ~ gamma, one), times = days)
mean <- summary(survfit(Surv(tstart, tstop, status) ~ gamma, d, id = id), times = days)
rates <- sapply(0:1, function(g) sum(one$status[one$gamma == g]) / sum(one$tstop[one$gamma == g]))
write_json(list(r = R.version.string, survival = as.character(packageVersion("survival")),
  days = days, n = nrow(one), first = sum(one$status), all = sum(d$status),
  free = split(curve$surv, curve$strata), number = split(mean$cumhaz, mean$strata),
  rate_a_day = rates,
  cox = told(coxph(Surv(tstop, status) ~ gamma + autosomal + age + steroids, one)),
  ag = told(coxph(Surv(tstart, tstop, status) ~ gamma + autosomal + age + steroids, d,
                  cluster = id))), "histories.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
