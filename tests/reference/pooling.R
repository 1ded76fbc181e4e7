# Rscript --vanilla pooling.R > pooling.json: random effects by Paule and Mandel, Hartung and Knapp's
# interval not below the fixed one's ("adhoc"), with metafor; and power.prop.test of base R.
suppressMessages(library(metafor))
number <- function(x) paste0("[", paste(sprintf("%.15g", x), collapse = ", "), "]")
told <- function(y, s) {
  fixed <- rma(y, s^2, method = "FE"); random <- rma(y, s^2, method = "PM", test = "adhoc", control = list(tol = 1e-14))
  sprintf('{"y": %s, "s": %s, "fixed": %s, "random": %s, "tau2": %.15g, "q": %.15g}', number(y), number(s),
          number(c(fixed$b, fixed$se, fixed$ci.lb, fixed$ci.ub)), number(c(random$b, random$se, random$ci.lb, random$ci.ub, random$pval)),
          random$tau2, random$QE)
}
unlike <- told(log(c(0.62, 0.91, 1.20, 0.45, 0.80, 0.70)), c(0.15, 0.12, 0.22, 0.25, 0.10, 0.30))
alike <- told(c(-4.1, -3.2, -5.0, -4.4), c(2.1, 1.7, 3.0, 2.4))
two <- told(c(-2, 6), c(1.5, 2))
power <- power.prop.test(n = 142, p1 = 0.56, p2 = 0.46)$power
drop <- 0.56 - power.prop.test(n = 60, p2 = 0.56, power = 0.8, tol = 1e-12)$p1
cat(sprintf('{"versions": "%s, metafor %s",\n "unlike": %s,\n "alike": %s,\n "two": %s,\n "power": %.15g, "drop": %.15g}\n',
            R.version.string, packageVersion("metafor"), unlike, alike, two, power, drop))
