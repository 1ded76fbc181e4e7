# Rscript --vanilla rollout.R > rollout.json (beside rollout.csv, which it writes first): a made-up panel of 9 areas
# and 20 months, five of which go live in months 6, 6, 10, 10 and 13; and what R makes of it.
suppressMessages({library(clubSandwich); library(sandwich); library(lme4)})
set.seed(41)
number <- function(x) paste0("[", paste(ifelse(is.finite(x), sprintf("%.15g", x), "null"), collapse = ", "), "]")
go_live <- c(6, 6, 10, 10, 13, NA, NA, NA, NA)
panel <- expand.grid(month = 0:19, area = 1:9)
panel$go_live <- go_live[panel$area]
panel$live <- as.numeric(!is.na(panel$go_live) & panel$month >= panel$go_live)
panel$exposure <- round(runif(180, 20, 60) * (0.6 + panel$area / 9), 1)
mean_rate <- 0.12 + 0.01 * panel$area + 0.02 * sin(panel$month / 2) + rep(rnorm(9, 0, 0.02), each = 20) - 0.05 * panel$live
panel$outcome <- rpois(180, panel$exposure * mean_rate)
panel$area <- LETTERS[panel$area]
write.csv(panel[c("area", "month", "outcome", "exposure", "go_live")], "rollout.csv", row.names = FALSE, na = "", quote = FALSE)
panel$rate <- 100 * panel$outcome / panel$exposure

tested <- function(fit, coefs) {
  found <- coef_test(fit, vcov = "CR2", cluster = panel$area, test = "Satterthwaite")
  found <- as.data.frame(found)[coefs, ]
  list(found$beta, found$SE, found[[grep("df", names(found))[1]]], found[[grep("^p", names(found))[1]]])
}
weighted <- tested(lm(rate ~ live + factor(area) + factor(month), panel, weights = exposure), "live")
plain <- tested(lm(rate ~ live + exposure, panel), c("live", "exposure"))

# The wild cluster bootstrap by brute force: every sign pattern over 9 areas, a regression for each.
wild <- function(b0, points) {
  restricted <- lm(I(rate - b0 * live) ~ factor(area) + factor(month), panel, weights = exposure)
  statistic <- function(y) {
    fit <- lm(y ~ live + factor(area) + factor(month), panel, weights = exposure)
    unname((coef(fit)["live"] - b0) / sqrt(vcovCL(fit, cluster = panel$area, type = "HC0", cadjust = FALSE)["live", "live"]))
  }
  fitted <- panel$rate - residuals(restricted)
  codes <- as.integer(factor(panel$area))
  seen <- abs(statistic(panel$rate))
  drawn <- apply(points, 1, function(v) abs(statistic(fitted + v[codes] * residuals(restricted))))
  mean(drawn >= seen * (1 - 1e-9))
}
signs <- as.matrix(expand.grid(rep(list(c(-1, 1)), 9)))
wild_p <- c(wild(0, signs), wild(-6, signs))

# Stacked event study: stacks of go-live months 6, 10 and 13, window -5 to 6, compared with areas never or later live.
rows <- do.call(rbind, lapply(c(6, 10, 13), function(g) {
  start <- ifelse(is.na(panel$go_live), 99, panel$go_live)
  one <- panel[(start == g | start > g + 6) & panel$month >= g - 5 & panel$month <= g + 6, ]
  one$stack <- g; one$since <- one$month - g; one$treated <- as.numeric(!is.na(one$go_live) & one$go_live == g)
  one
}))
size <- tapply(panel$exposure, panel$area, mean)
rows$w <- size[rows$area]
once <- rows[rows$since == 0, ]
share <- function(t) {s <- tapply(once$w[once$treated == t], once$stack[once$treated == t], sum); s / sum(s)}
fair <- share(1) / share(0)
rows$w <- rows$w * ifelse(rows$treated == 1, 1, fair[as.character(rows$stack)])
months <- setdiff(-5:6, -1)
dummies <- sapply(months, function(e) rows$treated * (rows$since == e))
fit <- lm(rows$rate ~ 0 + dummies + factor(paste(rows$stack, rows$area)) + factor(paste(rows$stack, rows$since)), weights = rows$w)
stack <- as.data.frame(coef_test(fit, vcov = "CR2", cluster = rows$area, test = "Satterthwaite"))[seq_along(months), ]
# Its mean over the live months as one coefficient: the others then tell how months differ from it.
apart <- cbind(rows$treated * (rows$since >= 0), dummies[, months < 0], dummies[, months %in% 0:5] - dummies[, months == 6])
mean_fit <- lm(rows$rate ~ 0 + apart + factor(paste(rows$stack, rows$area)) + factor(paste(rows$stack, rows$since)), weights = rows$w)
mean_after <- as.data.frame(coef_test(mean_fit, vcov = "CR2", cluster = rows$area, test = "Satterthwaite"))[1, ]

# Interrupted series of area A, alone and less the areas never live; HAC over 2 months, and Cochrane-Orcutt.
a <- panel[panel$area == "A", ]
never <- panel[is.na(panel$go_live), ]
other <- aggregate(cbind(outcome, exposure) ~ month, never, sum)
a$since <- a$month - 6; a$turn <- 2 * pi * a$month / 12
hac <- function(fit) c(coef(fit)[2:3], sqrt(diag(NeweyWest(fit, lag = 2, prewhite = FALSE, adjust = TRUE)))[2:3])
alone <- hac(lm(rate ~ live + I(since * live) + since + sin(turn) + cos(turn), a, weights = exposure))
a$gap <- a$rate - 100 * other$outcome / other$exposure
less <- hac(lm(gap ~ live + I(since * live) + since, a, weights = 1 / (1 / exposure + 1 / other$exposure)))
x <- model.matrix(~ live + I(since * live) + since, a); y <- a$rate; n <- nrow(a)
beta <- qr.coef(qr(x), y)
for (step in 1:2000) {
  e <- y - drop(x %*% beta); e <- e - mean(e); rho <- sum(e[-1] * e[-n]) / (n - 1) / (sum(e^2) / n)  # Yule-Walker
  beta <- coef(lm((y[-1] - rho * y[-n]) ~ 0 + I(x[-1, ] - rho * x[-n, ])))
}
after <- summary(lm((y[-1] - rho * y[-n]) ~ 0 + I(x[-1, ] - rho * x[-n, ])))$coefficients[2:3, 1:2]

mixed <- function(weights) {
  panel$w <- weights / mean(weights)
  fit <- lmer(rate ~ live + factor(month) + (1 | area), panel, weights = w, REML = TRUE, control = lmerControl(optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-14)))
  c(fixef(fit)["live"], sqrt(vcov(fit)["live", "live"]), as.data.frame(VarCorr(fit))$vcov)
}

fisher <- function(a, n1, c, n0) {
  table <- matrix(c(a, n1 - a, c, n0 - c), 2)
  both <- fisher.test(table, conf.level = 0.95)
  p <- 2 * min(fisher.test(table, alternative = "less")$p.value, fisher.test(table, alternative = "greater")$p.value)
  c(a, n1, c, n0, both$estimate, both$conf.int, min(1, p), 100 * binom.test(a, n1)$conf.int)
}
cat(sprintf('{"versions": "%s, clubSandwich %s, sandwich %s, lme4 %s",\n', R.version.string, packageVersion("clubSandwich"), packageVersion("sandwich"), packageVersion("lme4")))
cat(sprintf(' "weighted": %s,\n "plain": [%s],\n "wild": %s,\n', number(unlist(weighted)), paste(sapply(1:2, function(i) number(sapply(plain, `[`, i))), collapse = ", "), number(wild_p)))
cat(sprintf(' "stacked": {"month": %s, "estimate": %s, "std_error": %s, "df": %s, "after": %s},\n', number(months), number(stack$beta), number(stack$SE), number(stack[[grep("df", names(stack))[1]]]), number(c(mean_after$beta, mean_after$SE, mean_after[[grep("df", names(mean_after))[1]]]))))
cat(sprintf(' "interrupted": {"alone": %s, "less": %s, "ar1": %s},\n', number(alone), number(less), number(as.vector(after))))
cat(sprintf(' "mixed": {"exposure": %s, "areas": %s},\n', number(mixed(panel$exposure)), number(mixed(rep(1, 180)))))
cat(sprintf(' "fisher": [%s]}\n', paste(c(number(fisher(3, 12, 9, 13)), number(fisher(0, 8, 4, 20)), number(fisher(7, 7, 5, 9)), number(fisher(5, 40, 30, 90))), collapse = ", ")))
