# Rscript --vanilla hidden_bias.R > hidden_bias.json: adjusted p-values; the exact conditional test of matched
# sets and of pairs, whose lower confidence limit is the largest odds at which the one-sided p-value is 0.025;
# and signed ranks without ties.
number <- function(x) paste0("[", paste(ifelse(is.na(x), "null", sprintf("%.15g", x)), collapse = ", "), "]")
p <- c(0.011, 0.02, 0.0004, 0.04, NA, 0.049, 0.5, 0.02)
set.seed(5)
n_sets <- 60
exposed <- rep(c(1, 1, 2), 20); others <- rep(1:4, 15)
match <- rep(seq_len(n_sets), exposed + others)
joined <- unlist(lapply(seq_len(n_sets), function(i) rep(c(1, 0), c(exposed[i], others[i]))))
again <- rbinom(length(match), 1, ifelse(joined == 1, 0.75, 0.4))
sets <- mantelhaen.test(table(factor(joined, 1:0), factor(again, 1:0), match), exact = TRUE, alternative = "greater")
both <- mantelhaen.test(table(factor(joined, 1:0), factor(again, 1:0), match), exact = TRUE)
pairs <- binom.test(110, 122)$conf.int[1]
change <- c(1.3, -0.4, 2.2, 3.1, -1.1, 0.7, 4.4, 5.2, -0.2, 1.9)
cat(sprintf('{"versions": "%s",\n "p": %s, "holm": %s, "bh": %s,\n "match": %s,\n "exposed": %s,\n "again": %s,\n "greater": %.15g, "gamma": %.15g, "pairs": %.15g,\n "change": %s, "ranks": %.15g}\n',
            R.version.string, number(p), number(p.adjust(p, "holm")), number(p.adjust(p, "BH")), number(match), number(joined),
            number(again), sets$p.value, both$conf.int[1], pairs / (1 - pairs), number(change),
            wilcox.test(change, exact = TRUE, alternative = "greater")$p.value))
