"""Definitions that experts argue about, as versioned data.

Pathways, offence sets, harm weights, unit costs, scores. Every file in `data/` says its name,
version, source and the date it holds from; `verified` is false where a figure is general knowledge
or a choice made here. A name such as "7PP" means a shipped file; a path ending in ".toml" means the
user's own, in exactly the same form.
"""

from desistance.catalogue.called import pathway_word, tool_word
from desistance.catalogue.comparators import ComparatorWords, comparator_words
from desistance.catalogue.costs import cost_of, unit_costs
from desistance.catalogue.harm import harm_weights
from desistance.catalogue.needs import (
    ANSWERS,
    need_shares,
    needs_from_scores,
    pathway_answers,
    pathway_needs,
    pathway_of,
    ratings_from_shares,
    unmapped,
)
from desistance.catalogue.offences import (
    OffenceSet,
    load_offence_set,
    offence_class,
    offence_classes,
    offence_set,
    unknown_codes,
)
from desistance.catalogue.pathways import Area, Pathway, PathwayScheme, Tool, load_scheme, scheme
from desistance.catalogue.reader import names
from desistance.catalogue.scores import (
    CopasRate,
    PointsScore,
    PredictorTable,
    ReconvictionTable,
    ScoreTable,
    copas_variant,
    points_score,
    score_table,
)

__all__ = [
    "ANSWERS",
    "Area",
    "ComparatorWords",
    "CopasRate",
    "OffenceSet",
    "Pathway",
    "PathwayScheme",
    "PointsScore",
    "PredictorTable",
    "ReconvictionTable",
    "ScoreTable",
    "Tool",
    "comparator_words",
    "copas_variant",
    "cost_of",
    "harm_weights",
    "load_offence_set",
    "load_scheme",
    "names",
    "need_shares",
    "needs_from_scores",
    "offence_class",
    "offence_classes",
    "offence_set",
    "pathway_answers",
    "pathway_needs",
    "pathway_of",
    "pathway_word",
    "points_score",
    "ratings_from_shares",
    "scheme",
    "score_table",
    "tool_word",
    "unit_costs",
    "unknown_codes",
    "unmapped",
]
