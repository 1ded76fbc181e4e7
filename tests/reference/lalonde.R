# What base R says of the job training of 1976 beside a survey (185 and 429 men), the data of MatchIt
# ("lalonde"), written by: python -m tests.reference.lalonde FILE.csv; then: Rscript lalonde.R FILE.csv
data <- read.csv(commandArgs(TRUE)[1])
fitted <- glm(treat ~ age + educ + black + hispan + married + nodegree + re74 + re75, binomial, data,
              control = list(epsilon = 1e-14))
chance <- fitted(fitted); treated <- data$treat == 1
odds <- ifelse(treated, 1, chance / (1 - chance)); both <- ifelse(treated, 1 / chance, 1 / (1 - chance))
gap <- function(w) weighted.mean(data$re78[treated], w[treated]) - weighted.mean(data$re78[!treated], w[!treated])
number <- function(x) sprintf("%.15g", x)
cat("{\n \"r\": \"", R.version.string, "\",\n", sep = "")
cat(" \"coefficients\": [", paste(number(coef(fitted)[-1]), collapse = ", "), "],\n", sep = "")
cat(" \"std_errors\": [", paste(number(sqrt(diag(vcov(fitted)))[-1]), collapse = ", "), "],\n", sep = "")
cat(" \"deviance\": ", number(deviance(fitted)), ",\n \"att\": ", number(gap(odds)), ",\n", sep = "")
cat(" \"ate\": ", number(gap(both)), ",\n \"ess_att\": ", number(sum(odds[!treated])^2 / sum(odds[!treated]^2)), "\n}\n", sep = "")
