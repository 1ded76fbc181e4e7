# Rscript --vanilla timing.R > timing.json: nested trials and clones of the people of timing.csv, from the
# definitions and with loops, by glm, coxph and survfit (survival). The people were drawn once; see
# test_timing_reference.py for how they become case files.
suppressMessages({library(survival); library(jsonlite)})
people <- read.csv("timing.csv"); people$joined[is.na(people$joined)] <- 1e6; people$event[is.na(people$event)] <- 1e6
every <- 30; horizon <- 183; n <- nrow(people)  # six months
banded <- function(d) {  # bands of windows with about equally many who joined
  when <- sort(d$window[d$joins]); k <- max(1, min(8, length(when) %/% 10))
  edges <- unique(when[ceiling((length(when) - 1) * seq_len(k - 1) / k) + 1]); edges <- edges[edges > min(when)]
  ifelse(d$window > max(when), NA, findInterval(d$window, edges))
}
hazards <- function(start, len, last) {  # pooled logistic regression of joining
  d <- do.call(rbind, lapply(seq_len(n), function(i) do.call(rbind, lapply(seq_along(start), function(w)
    if (people$joined[i] >= start[w] && start[w] < last[i])
      data.frame(i = i, window = w, sex = people$sex[i], tier = people$tier[i],
                 joins = people$joined[i] < min(start[w] + len[w], last[i]))))))
  d$band <- factor(banded(d)); h <- matrix(0, n, length(start))
  fit <- glm(joins ~ sex + tier + band, binomial, d[!is.na(d$band), ], control = list(epsilon = 1e-14, maxit = 100))
  h[cbind(d$i, d$window)[!is.na(d$band), ]] <- fitted(fit)
  list(h = h, could = `[<-`(matrix(FALSE, n, length(start)), cbind(d$i, d$window), TRUE))
}
split_up <- function(first, last, start) {  # days after which a new window begins, from `first`
  cuts <- start[-1] - 1; c(0, cuts[cuts > first & cuts < first + last] - first, last)
}
stayed <- function(i, w, after, start, len, h) {  # log chance not to have joined, from `after` to half way
  path <- c(0, cumsum(-log1p(-h[i, ]))); daily <- -log1p(-h[i, ]) / len
  at <- function(day) { v <- sum(start <= day); path[v] + (day - start[v]) * daily[v] }
  end <- start[w] + len[w]
  at((max(start[w], after) + end - 1) / 2) - at(after)
}
answer <- function(rows) {
  rows$side <- as.numeric(rows$exposed)
  cox <- coxph(Surv(start, stop, event) ~ side, rows, weights = w, cluster = person, ties = "efron")
  risk <- lapply(0:1, function(s) {
    curve <- survfit(Surv(start, stop, event) ~ 1, rows[rows$side == s, ], weights = w, id = copy, cluster = person, robust = TRUE)
    at <- summary(curve, times = horizon, extend = TRUE); c(at$surv, at$std.err)
  })
  list(log_ratio = unname(coef(cox)), error = sqrt(vcov(cox)[1, 1]), share = sapply(risk, `[`, 1), share_error = sapply(risk, `[`, 2), rows = nrow(rows))
}
# Nested trials: the last window ends after the last joining.
start <- seq(0, max(people$joined[people$joined < 1e6]), by = every); len <- rep(every, length(start))
len[length(len)] <- max(people$joined[people$joined < 1e6]) + 1 - start[length(start)]
h <- hazards(start, len, rep(1e6, n))$h
wide <- c(start, start[length(start)] + len[length(len)]); far <- c(len, 1e6); h <- cbind(h, 0)
rows <- list()
for (t in seq_along(start)) {
  day <- start[t] + len[t] - 1
  who <- which(people$joined >= start[t]); ours <- people$joined[who] <= day
  odds <- h[who, t] / (1 - h[who, t]); base <- ifelse(ours, 1, odds * sum(ours) / sum(odds[!ours]))
  for (k in seq_along(who)) { i <- who[k]
    event <- people$event[i] - day; event <- if (event > 0) event else 1e6
    last <- min(horizon, event, if (ours[k]) 1e6 else people$joined[i] - day); cut <- split_up(day, last, wide)
    for (m in seq_len(length(cut) - 1)) {
      w <- findInterval(day + cut[m] + 1, wide)
      # Half way through the open window after the last joining nobody joins any more.
      stay <- if (ours[k]) 0 else if (w > length(start)) stayed(i, w, day + 1, wide, replace(far, length(far), 1), h) else stayed(i, w, day + 1, wide, far, h)
      rows[[length(rows) + 1]] <- data.frame(person = i, copy = t * 1000 + i, exposed = ours[k], start = cut[m], stop = cut[m + 1],
                                             event = cut[m + 1] == event, w = base[k] * exp(stay))
    }
  }
}
nested <- answer(do.call(rbind, rows))
# Clones: windows such that one begins on the day after the grace period.
grace <- 60; start <- sort(unique(c(0, seq((grace + 1) %% every, horizon, by = every)))); len <- diff(c(start, horizon + 1))
found <- hazards(start, len, pmin(people$event, horizon_end <- 366)); h <- found$h
n_grace <- sum(start <= grace); evenly <- len[1:n_grace] / rev(cumsum(rev(len[1:n_grace])))
rows <- list()
for (i in seq_len(n)) for (to_join in c(TRUE, FALSE)) {
  did <- people$joined[i] < people$event[i]; late <- !did || people$joined[i] > grace
  last <- min(horizon, people$event[i], if (to_join) (if (late) grace else 1e6) else people$joined[i]); if (last < 1) next
  cut <- split_up(0, last, start)
  for (m in seq_len(length(cut) - 1)) {
    w <- findInterval(cut[m] + 1, start); weight <- 1
    if (to_join) { for (v in seq_len(min(w - 1, n_grace))) if (found$could[i, v]) {
      joins <- did && people$joined[i] >= start[v] && people$joined[i] < start[v] + len[v]
      weight <- weight * (if (joins) evenly[v] / h[i, v] else if (v < n_grace) (1 - evenly[v]) / (1 - h[i, v]) else 1) } }
    else weight <- exp(stayed(i, w, 0, start, len, h))
    rows[[length(rows) + 1]] <- data.frame(person = i, copy = 2 * i + to_join, exposed = to_join, start = cut[m], stop = cut[m + 1],
                                           event = cut[m + 1] == people$event[i], w = weight)
  }
}
clones <- answer(do.call(rbind, rows))
cat(toJSON(list(versions = paste(R.version.string, "survival", packageVersion("survival")), nested = nested, clones = clones),
           digits = 15, auto_unbox = TRUE, pretty = TRUE), "\n")
