# Prints, into pitfalls.txt, the numbers that tests/test_pitfalls.py holds the library to: of
# pitfalls.csv (400 made-up rows: heavy integer ties, late entries, non-integer weights, 80 sites,
# three areas, two causes; `day_apart` and `entry_apart` hold the order of days without ties) and
# of bladder2.
# Run in this folder: Rscript pitfalls.R > pitfalls.txt     (R 4.2, survival 3.5-3, cmprsk 2.2-11)
suppressMessages({library(survival); library(cmprsk)})
d <- read.csv("pitfalls.csv")
show <- function(name, ...) cat(sprintf("%-22s", name), sprintf("%.6f", c(...)), "\n")
cox <- function(name, formula, ...) {
  fit <- do.call(coxph, list(formula, d, ...))
  show(name, coef(fit), sqrt(diag(vcov(fit))))
  invisible(fit)
}
now <- Surv(d$day, d$event)
late <- Surv(d$entry, d$day, d$event)
plain <- cox("efron", now ~ x1 + x2)
cox("breslow", now ~ x1 + x2, ties = "breslow")
cox("exact", now ~ x1 + x2, ties = "exact")
cox("robust", now ~ x1 + x2, robust = TRUE)
cox("cluster", now ~ x1 + x2, cluster = d$site)
cox("weights", now ~ x1 + x2, weights = d$weight, robust = FALSE)
cox("weights robust", now ~ x1 + x2, weights = d$weight, robust = TRUE)
cox("weights cluster", now ~ x1 + x2, weights = d$weight, cluster = d$site)
entered <- cox("entry", late ~ x1 + x2)
cox("entry breslow", late ~ x1 + x2, ties = "breslow")
cox("entry cluster", late ~ x1 + x2, cluster = d$site)
cox("entry weights cluster", late ~ x1 + x2, weights = d$weight, cluster = d$site)
strata <- cox("strata", now ~ x1 + x2 + strata(area))
cox("strata cluster", now ~ x1 + x2 + strata(area), cluster = d$site)
cox("strata entry cluster", late ~ x1 + x2 + strata(area), cluster = d$site)
cox("strata weights robust", now ~ x1 + x2 + strata(area), weights = d$weight, robust = TRUE)
cox("apart entry cluster", Surv(entry_apart, day_apart, event) ~ x1 + x2, cluster = d$site)

agrees <- function(fit) fit$concordance[["concordance"]]
show("concordance", agrees(plain), agrees(entered), agrees(strata))
hazard <- function(fit) {
  base <- basehaz(fit, centered = FALSE)
  base$hazard[match(c(1, 5, 10), base$time)]
}
show("hazard at x = 0", hazard(plain))
show("hazard, entry", hazard(entered))
zph <- cox.zph(plain, "km")$table
show("zph", zph[, "chisq"])
curve <- function(...)
  summary(do.call(survfit, list(..., conf.type = "log-log")), times = c(1, 5, 10))
found <- curve(late ~ 1)
show("km, entry", found$surv, found$std.err)
found <- curve(now ~ 1, weights = d$weight, robust = TRUE)
show("km, weights", found$surv, found$lower[2], found$upper[2])
show("restricted mean", summary(survfit(now ~ 1), rmean = 10)$table[c("rmean", "se(rmean)")])
show("log-rank", survdiff(now ~ x2, d)$chisq, survdiff(now ~ x2 + strata(area), d)$chisq,
     survdiff(now ~ x2, d, rho = 1)$chisq)
found <- summary(survfit(Surv(day, factor(cause, 0:2)) ~ 1, d), times = c(1, 5, 10))
show("incidence of 1", found$pstate[, 2], found$std.err[, 2])
show("gray", cuminc(d$day, d$cause, d$x2)$Tests[, "stat"])
fit <- crr(d$day, d$cause, as.matrix(d[c("x1", "x2")]), failcode = 1,
           gtol = 1e-12)
show("fine and gray", fit$coef, sqrt(diag(fit$var)))
fit <- survreg(now ~ x1 + x2, d)
show("weibull", coef(fit), log(fit$scale), sqrt(diag(vcov(fit))))

b <- bladder2
b$gap <- b$stop - b$start
repeated <- function(name, formula, data = b) {
  fit <- coxph(formula, data, cluster = id)
  show(name, coef(fit), sqrt(diag(vcov(fit))))
}
repeated("andersen-gill", Surv(start, stop, event) ~ rx + number + size)
repeated("pwp-total", Surv(start, stop, event) ~ rx + number + size + strata(enum))
repeated("pwp-gap", Surv(gap, event) ~ rx + number + size + strata(enum))
repeated("wlw", Surv(stop, event) ~ rx + number + size + strata(enum), bladder)
found <- summary(survfit(Surv(start, stop, event) ~ 1, b, id = id), times = c(5, 20, 40))
show("number of tumours", found$cumhaz, found$std.chaz)
