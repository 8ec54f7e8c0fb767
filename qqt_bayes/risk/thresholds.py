"""Every number a verdict turns on, each with its reason."""

# --- how far -------------------------------------------------------------------------------------
# To four times the largest run, bands of this form held in back-tests on real runs (of 90% bands at
# 4x .81 to 1.0, at 8x .74 to 1.0): a change of regime is priced into them. So near is no
# reason to doubt; the tenth on top lets a nominal 4x be 4x.
NEAR = 4.4
# Beyond eight times little is known: practitioners tell users not to go tenfold.
FAR = 8.8
# Beyond this no record reaches at all.
TOO_FAR = 17.6
# Up to four epochs, repeated samples are worth nearly as much as new ones in every published study.
HARMLESS_EPOCHS = 4.0
# Past this many times the most epochs seen of any pool, decay is extrapolated, and repetition may
# begin to hurt, as it did on our own training runs; past the second the decay curve is a guess.
EPOCHS_FAR, EPOCHS_TOO_FAR = 1.5, 4.4
# The recommended data itself was run to no more than this part of the largest run's samples.
OWN_RUN = 0.25

# --- how sure ------------------------------------------------------------------------------------
# A loss of one percent of the metric is what most people would not repeat a large run for.
MARGIN = 0.01
# The expected regret is all that perfect knowledge could save: above the margin a further run is
# worth buying. And a choice is a bet where its chance of costing more than the margin exceeds that
# of a 90% band to miss. (That chance is honest: see docs/evidence/index.md.)
P_COSTLY = 0.1

# --- the record ----------------------------------------------------------------------------------
# A 90% band whose coverage interval excludes .90 and whose rate is below this is not a 90% band ...
COVERAGE_REVIEW = 0.75
# ... and below this it is wrong more often than right.
COVERAGE_FAIL = 0.5
# A choice loses about what was expected of it; more than twice that, beyond the margin, is
# overconfidence.
OVERCONFIDENT = 2.0
# Fewer target runs than this say nothing on coverage at one distance: nearer ones are added.
MIN_TARGETS = 4
# More origins than this are thinned evenly (checkpointed runs have hundreds).
MAX_ORIGINS = 10

# --- the fit -------------------------------------------------------------------------------------
# Leave-one-out PITs that differ from uniform by chance with this probability or less.
PIT_REVIEW, PIT_FAIL = 0.01, 1e-4
# Family-wise probability of one outlier among all cells.
OUTLIER = 0.01

# --- sensitivity ---------------------------------------------------------------------------------
# Cumulative Jensen-Shannon gradient that flags (Kallioinen et al. 2023, arXiv 2107.14054).
SENSITIVE = 0.05
POWERS = (0.99, 1.01)
# A decision should survive priors half or twice as strong.
STRONG_POWERS = (0.5, 2.0)
# Importance weights with a Pareto shape from here on are not to be trusted (Vehtari et al. 2024).
GOOD_K = 0.7
# Posterior spread at least this share of the prior's: the runs have not informed the parameter.
NOT_IDENTIFIED = 0.9
# Most cells and seeds left out, by their influence on the decision.
LEFT_OUT = 8
# Refits with fewer effective draws than this are not used: a probability is off by .05 at most.
REFIT_ESS = 100

# --- the ledger ----------------------------------------------------------------------------------
# The wandering beyond the data has no finite variance: shares are of the central part of the draws.
CENTRAL = 0.99
