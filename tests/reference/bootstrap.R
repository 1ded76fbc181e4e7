# Makes bootstrap.json from competing.csv: Cox models on resamples of its rows, and of its
# sites, written out (the rows drawn are in the answers), and limits by boot.ci.
# Run in this folder: Rscript bootstrap.R      (R 4.2, survival 3.5-3, boot 1.3-28, jsonlite)
suppressMessages({library(survival); library(boot); library(jsonlite)})
set.seed(20261124, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
d <- read.csv("competing.csv")
exactly <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 50)
draws <- list(rows = replicate(8, sample(nrow(d), replace = TRUE), simplify = FALSE),
              sites = replicate(8, sample(60, replace = TRUE), simplify = FALSE))
rows_of <- function(kind, drawn) if (kind == "rows") drawn else unlist(lapply(drawn, function(s) which(d$site == s)))

cells <- list()
for (kind in names(draws)) for (ties in c("efron", "breslow")) for (weights in c(FALSE, TRUE))
  for (strata in c(FALSE, TRUE)) for (entry in c(FALSE, TRUE)) {
    left <- if (entry) "Surv(entry, day, event)" else "Surv(day, event)"
    right <- paste("~ priors + need + tier", if (strata) "+ strata(region)" else "")
    fits <- lapply(draws[[kind]], function(drawn) {
      again <- d[rows_of(kind, drawn), ]
      call <- list(as.formula(paste(left, right)), again, ties = ties, control = exactly)
      if (weights) call$weights <- again$weight
      unname(coef(do.call(coxph, call)))
    })
    cells[[length(cells) + 1]] <- list(by = kind, ties = ties, weights = weights, strata = strata,
                                       entry = entry, coefficients = do.call(rbind, fits))
  }

# Limits from 399 replicates of a mean, with the acceleration from its influence values.
x <- round(rexp(40), 4)
found <- boot(x, function(x, i) mean(x[i]), R = 399)
limits <- lapply(c(.9, .95), function(conf) {
  ci <- boot.ci(found, conf = conf, type = c("perc", "basic", "norm", "bca"), L = x - mean(x))
  list(confidence = conf, percentile = tail(ci$percent[1, ], 2), basic = tail(ci$basic[1, ], 2),
       normal = tail(ci$normal[1, ], 2), bca = tail(ci$bca[1, ], 2))
})
write(toJSON(list(draws = draws, cells = cells, x = x, replicates = found$t[, 1], limits = limits),
             digits = I(17), auto_unbox = TRUE), "bootstrap.json")
