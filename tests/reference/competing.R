# Makes competing.csv (300 simulated rows: heavy integer ties between three kinds of event and
# censorings, late entries, non-integer weights, 60 sites of five rows; and in `begin`, `end` the
# same people with no two days alike) and answers in competing.json.
# Run in this folder: Rscript competing.R      (R 4.2, survival 3.5-3, cmprsk 2.2-11, jsonlite)
suppressMessages({library(survival); library(cmprsk); library(jsonlite)})
set.seed(20261123, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
n <- 300
d <- data.frame(row = 1:n, site = rep(1:60, each = 5), priors = round(rnorm(n), 4),
                need = rbinom(n, 1, .4), tier = sample(c("FIXED", "FLEX", "FREE"), n, TRUE),
                region = sample(c("north", "south", "west"), n, TRUE))
rates <- cbind(reoffence = exp(.4 * d$priors - .5 * d$need) / 18, custody = exp(.3 * d$need) / 25,
               death = .01, none = ifelse(d$region == "west", 1 / 10, 1 / 30))
exact <- apply(rates, 1, function(rate) rexp(4, rate))
d$cause <- colnames(rates)[apply(exact, 2, which.min)]
last <- apply(exact, 2, min)
d$day <- ceiling(last)
d$event <- as.integer(d$cause != "none")
first <- pmax(0, last - runif(n, 0, 9))
first[sample(n, 100)] <- 0
first[first > quantile(last, .8)] <- 0  # finegray gives NaN where the last at risk just entered
d$entry <- pmin(floor(first), d$day - 1)
d$weight <- round(runif(n, .4, 3), 3)
late <- first > 0
place <- rank(c(first[late], last))
d$begin <- 0
d$begin[late] <- place[seq_len(sum(late))]
d$end <- place[-seq_len(sum(late))]
write.csv(d, "competing.csv", row.names = FALSE)

kinds <- c("custody", "death", "reoffence")
d$kind <- factor(d$cause, c("none", kinds))
d$code <- match(d$cause, kinds, 0)
FLEX <- as.integer(d$tier == "FLEX"); FREE <- as.integer(d$tier == "FREE")
d$FLEX <- FLEX; d$FREE <- FREE
X <- as.matrix(d[c("priors", "need", "FLEX", "FREE")])

incidence <- function(fit) {
  group <- if (is.null(fit$strata)) rep("all", length(fit$time)) else
    rep(sub(".*=", "", names(fit$strata)), fit$strata)
  list(group = group, day = fit$time, share = unname(fit$pstate), std_err = unname(fit$std.err))
}
d$half <- floor((d$entry + d$day) / 2)  # the same people in two rows each, where there is room
two <- d$half > d$entry
before <- transform(d[two, ], day = half, kind = factor("none", levels(kind)))
after <- d
after$entry[two] <- d$half[two]
split <- rbind(before, after)
split <- split[order(split$row, split$day), ]
incidences <- list(
  plain = incidence(survfit(Surv(day, kind) ~ tier, d)),
  entry = incidence(survfit(Surv(entry, day, kind) ~ tier, d, id = row)),
  weighted = incidence(survfit(Surv(day, kind) ~ tier, d, weights = weight)),
  weighted_entry = incidence(survfit(Surv(entry, day, kind) ~ tier, d, id = row,
                                     weights = weight)),
  weighted_split = incidence(survfit(Surv(entry, day, kind) ~ tier, split, id = row,
                                     weights = weight)))

gray <- function(group, ...) {
  found <- cuminc(d$day, d$code, group, ...)$Tests
  list(cause = kinds[as.integer(rownames(found))], statistic = unname(found[, "stat"]),
       df = unname(found[, "df"]))
}
tests <- list(plain = gray(d$tier), two = gray(d$need), rho = gray(d$tier, rho = 1),
              strata = gray(d$tier, strata = d$region),
              rho_strata = gray(d$need, strata = d$region, rho = -.5))
days <- c(2, 5, 10, 20, 40)
read <- timepoints(cuminc(d$day, d$code), days)
aalen <- list(cause = kinds, day = days, share = unname(read$est), variance = unname(read$var))

fine_gray <- function(cause, ...) {
  fit <- crr(d$day, d$code, X, failcode = match(cause, kinds), gtol = 1e-14, maxiter = 50, ...)
  days <- fit$uftime
  list(cause = cause, coefficients = unname(fit$coef), covariance = unname(fit$var),
       loglik = fit$loglik, loglik_null = fit$loglik.null, days = days,
       incidence = predict(fit, c(.5, 1, 0, 1))[, 2])
}
fits <- list(plain = fine_gray("reoffence"), custody = fine_gray("custody"),
             region = fine_gray("reoffence", cengroup = d$region))

# Late entry: the weights of Geskus (2011), by hand: P(not censored) x P(entered), just before each
# event day against just before the competing event; then coxph.
expanded <- function(start, stop, weight) {
  G <- survfit(Surv(start, stop, d$code == 0) ~ 1, weights = weight)
  H <- survfit(Surv(-stop, -start, rep(1, n)) ~ 1, weights = weight)
  left <- function(t) sapply(t, function(u) c(1, G$surv)[1 + sum(G$time < u)])
  newly <- data.frame(day = -H$time, share = H$n.event / H$n.risk)
  come <- function(t) sapply(t, function(u) 1 / prod(1 - newly$share[newly$day > 0 & newly$day < u]))
  both <- function(t) left(t) * come(t)
  days <- sort(unique(stop[d$code == 3]))
  rows <- data.frame(id = 1:n, from = start, to = stop, now = d$code == 3, w = weight)
  for (i in which(d$code %in% 1:2)) {
    on <- days[days > stop[i]]
    if (length(on))
      rows <- rbind(rows, data.frame(id = i, from = c(stop[i], on[-length(on)]), to = on,
                                     now = FALSE, w = weight[i] * both(on) / both(stop[i])))
  }
  list(rows = rows, days = days, weight = both(days))
}
late_entry <- function(start, stop, weight = rep(1, n)) {
  long <- expanded(start, stop, weight)
  rows <- cbind(long$rows, X[long$rows$id, ])
  fit <- coxph(Surv(from, to, now) ~ priors + need + FLEX + FREE, rows, weights = w,
               ties = "breslow", cluster = id,
               control = coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 50))
  list(coefficients = unname(coef(fit)), known_weights = unname(vcov(fit)), loglik = fit$loglik,
       model = unname(fit$naive.var), days = long$days, weight = long$weight)
}
long <- finegray(Surv(begin, end, kind) ~ ., d, etype = "reoffence", id = row)
fit <- coxph(Surv(fgstart, fgstop, fgstatus) ~ priors + need + FLEX + FREE, long, weights = fgwt,
             ties = "breslow", control = coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 50))
# A baseline for each region, with weights of all together or within regions too.
apart <- function(long) {
  fit <- coxph(Surv(fgstart, fgstop, fgstatus) ~ priors + need + FLEX + FREE + strata(region),
               long, weights = fgwt, ties = "breslow", robust = FALSE,
               control = coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 50))
  base <- basehaz(fit, newdata = data.frame(priors = .5, need = 1, FLEX = 0, FREE = 1,
                                            region = "west"))
  list(coefficients = unname(coef(fit)), loglik = fit$loglik, model = unname(vcov(fit)),
       day = base$time, hazard = base$hazard)
}
baselines <- list(together = apart(long),
                  within = apart(finegray(Surv(begin, end, kind) ~ . + strata(region), d,
                                          etype = "reoffence", id = row)))
late <- list(entry = late_entry(d$entry, d$day), apart = late_entry(d$begin, d$end),
             weighted = late_entry(d$entry, d$day, d$weight), finegray = unname(coef(fit)))

write(toJSON(list(incidences = incidences, aalen = aalen, tests = tests, fits = fits, late = late,
                  baselines = baselines),
             digits = I(17), auto_unbox = TRUE, na = "null"), "competing.json")
