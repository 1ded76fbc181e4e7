# Answers in rubin.json: estimates and squared errors of several draws put together by Rubin's rules.
# Run in this folder: Rscript rubin.R      (R 4.2, mice 3.15, jsonlite)
suppressMessages({library(mice); library(jsonlite)})
sets <- list(
  list(q = c(0.41, 0.36, 0.52, 0.47, 0.39), u = c(0.010, 0.012, 0.009, 0.011, 0.010)),
  list(q = c(-1.2, -0.9), u = c(0.04, 0.05)),
  list(q = c(2.001, 2.002, 2.0005, 2.0015), u = c(0.3, 0.31, 0.29, 0.3))
)
answers <- lapply(sets, function(set) {
  found <- pool.scalar(set$q, set$u, n = Inf, k = 1)
  reach <- qt(0.975, found$df) * sqrt(found$t)
  c(set, list(estimate = found$qbar, variance = found$t, df = found$df,
              share = (1 + 1 / found$m) * found$b / found$t,
              low = found$qbar - reach, high = found$qbar + reach))
})
write_json(answers, "rubin.json", digits = NA, auto_unbox = TRUE, pretty = TRUE)
