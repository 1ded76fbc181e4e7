"""For whom joining does more, and how much support it takes: explored, never proven.

Everything here is exploratory and says so. It asks many questions of few people, so each table
holds one p-value a question with Holm's and Benjamini and Hochberg's beside it, and the effects of
several needs are drawn towards each other.

    by need      the hazard ratio of joining among people with and without a need, from one model
                 with their product; what is tested is the ratio of the two (the interaction).
                 All needs are tested together in one model with every product
    difference   the same of the difference in reoffenders per 100 people
    number       the effect by bands of the number of needs, and its change per further need
    drawn in     effects among those with each need are draws of one normal distribution, observed
                 with the errors they share (people have several needs); its spread tau is averaged
                 over, a half-normal prior before. Raw effects stay beside
    by dose      contacts in the first days after joining, of those still free of a reoffence on
                 the last of them (the landmark), who are followed from there: support that comes
                 later cannot count, or staying free would look like its effect
    by partner   the same, joiners whom a partner saw by the landmark against other joiners
    too few      fewer than 30 people in a group: not reported; or 5 who reoffended: not estimable

Variances add up a person's influence over all rows before squaring it. A need nobody assessed is
neither yes nor no: the person is left out of that need's rows, and counted. Cohorts were made alike
as a whole: within a need they may differ.

References
----------
Holm (1979), Scandinavian Journal of Statistics 6(2); Benjamini and Hochberg (1995), Journal of the
Royal Statistical Society B 57(1); Gelman, Hill and Yajima (2012), Journal of Research on
Educational Effectiveness 5(2); Röver et al. (2021), Research Synthesis Methods 12(4), of the prior;
Anderson, Cain and Gelber (1983), Journal of Clinical Oncology 1(11), of the landmark.
"""

from desistance.comparison.exploratory.dose import effects_by_dose
from desistance.comparison.exploratory.explored import Explored
from desistance.comparison.exploratory.needs import effects_by_need

__all__ = ["Explored", "effects_by_dose", "effects_by_need"]
