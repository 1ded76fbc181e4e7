# Makes careers.csv (offences of 60 simulated people, one a day: person, day, code, custody days) and
# answers in careers.json: the negative binomial maximum by dnbinom, poisson.test, forward specialisation from its
# formula, the within-person slope by lm with a factor of people, and Simpson's diversity.
# Run in this folder: Rscript careers.R      (R 4.2, jsonlite)
suppressMessages(library(jsonlite))
set.seed(20261125, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
codes <- c("028", "034", "046", "105", "149"); group <- c("burglary", "robbery", "theft", "violence", "damage")
cchi <- c(273.5, 365, 1, 10, 2); n <- 60; days <- 1000
inside <- sample(c(0, 0, 100, 300, 600), n, TRUE)            # whole days in custody, at the end
rows <- do.call(rbind, lapply(1:n, function(i) {
  k <- min(rpois(1, rgamma(1, 1.2, 1.2) * 8 * (days - inside[i]) / days), 40)
  if (k == 0) return(NULL)
  p <- rgamma(5, 1) ; p <- p / sum(p)
  day <- sort(sample(0:(days - inside[i] - 3), k)); kind <- integer(k)
  for (j in seq_len(k)) kind[j] <- if (j > 1 && runif(1) < .2) kind[j - 1] else sample(5, 1, prob = p)
  data.frame(person = i, day = day, code = codes[kind])
}))
write.csv(rows, "careers.csv", row.names = FALSE)
people <- data.frame(person = 1:n, inside = inside, count = tabulate(rows$person, n))
people$years <- (days - inside) / 365.25

nb <- function(q) -sum(dnbinom(people$count, size = exp(q[1]), mu = exp(q[2]) * people$years, log = TRUE))
fit <- nlminb(c(0, 1), nb, control = list(rel.tol = 1e-15, x.tol = 1e-12, iter.max = 500))
slope <- function(q) { a <- exp(q[1]); m <- exp(q[2]) * people$years; y <- people$count
  c(a * sum(digamma(y + a) - digamma(a) + log(a / (a + m)) + 1 - (y + a) / (a + m)), sum((y - m) * a / (a + m))) }
q <- fit$par
for (i in 1:20) {   # Newton, with differences of the exact slope
  H <- sapply(1:2, function(j) { h <- c(0, 0); h[j] <- 1e-5; (slope(q + h) - slope(q - h)) / 2e-5 })
  q <- q - solve(H, slope(q))
}
theta <- exp(q[1]); rate <- exp(q[2])

kind <- factor(rows$code, codes); same <- which(diff(rows$person) == 0)
tab <- table(kind[same], kind[same + 1]); R <- rowSums(tab); C <- colSums(tab); T <- sum(tab)
E <- R * C / T; fsc <- (diag(tab) - E) / (R - E); all <- (sum(diag(tab)) - sum(E)) / (T - sum(E))

rows$order <- ave(rows$day, rows$person, FUN = seq_along); rows$harm <- log1p(cchi[as.integer(kind)])
within <- lm(harm ~ order + factor(person), rows); x <- resid(lm(order ~ factor(person), rows))
se <- sqrt(sum(tapply(x * resid(within), rows$person, sum)^2)) / sum(x^2)

mix <- table(factor(rows$person, 1:n), kind); N <- rowSums(mix)
D <- 1 - rowSums((mix / N)^2); D2 <- N / (N - 1) * D; D2[N < 2] <- NA
exact <- t(sapply(people$count, function(k) poisson.test(k)$conf.int))
write_json(list(
  inside = inside, count = people$count, theta = theta, rate = rate,
  low = exact[, 1] / people$years, high = exact[, 2] / people$years,
  transitions = unclass(unname(tab)), fsc = unname(fsc), fsc_all = all,
  slope = unname(coef(within)["order"]), slope_se = se,
  diversity = unname(D), corrected = unname(D2)),
  "careers.json", digits = I(17), auto_unbox = TRUE, na = "null")
