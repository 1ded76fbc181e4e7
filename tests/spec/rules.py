"""Every rule of time, in the order of the page that is made of them."""

from __future__ import annotations

from tests.spec.timelines import Timeline

MONTH = {"months": 1, "waiting_months": 1}  # 30 days, and 30 more to be proven
STREET = {"clock": "street"}

DAY_0 = (
    Timeline(
        "Without any event, follow-up ends on its last day.",
        "E...................",
        ("(0, 19]",),
    ),
    Timeline(
        "A proven offence ends it.",
        "E.........o.........",
        ("(0, 10] event",),
    ),
    Timeline(
        "An offence on the day of leaving is not a reoffence.",
        "o.........o.........",
        ("(0, 10] event",),
    ),
    Timeline(
        "Only the first counts.",
        "E....o....o.........",
        ("(0, 5] event",),
    ),
    Timeline(
        "An offence that was not proven does not count.",
        "E....x....o.........",
        ("(0, 10] event",),
    ),
    Timeline(
        "Nor does what is in no offence set.",
        "E....n....o.........",
        ("(0, 10] event",),
    ),
    Timeline(
        "Nor does an offence outside the set of the design.",
        "E....v....o.........",
        ("(0, 10] event",),
        design={"offence_set": "SAC_HMICFRS2022"},
    ),
    Timeline(
        "An offence on the last day counts.",
        "E..................o",
        ("(0, 19] event",),
    ),
    Timeline(
        "Hazards watch for so long as the design says; here for a month of 30 days.",
        "E..............................o.....",
        ("(0, 30]",),
        design={"watch_months": 1},
    ),
    Timeline(
        "Or, if it does not say, as long as the data allow.",
        "E..............................o.....",
        ("(0, 31] event",),
    ),
)

JOINING = (
    Timeline(
        "Before joining a person is unexposed, after it exposed.",
        "E.....J.............",
        ("(0, 6]", "(6, 19] 7PP"),
    ),
    Timeline(
        "Whoever joins on the day of leaving is exposed throughout.",
        "J...................",
        ("(0, 19] 7PP",),
    ),
    Timeline(
        "Who reoffends before joining never counts as exposed.",
        "E...o.J.............",
        ("(0, 4] event",),
    ),
    Timeline(
        "The day of joining is unexposed: so is an offence on it.",
        "E.....J.............\n......o",
        ("(0, 6] event",),
    ),
    Timeline(
        "The day after is exposed.",
        "E.....Jo............",
        ("(0, 6]", "(6, 7] event 7PP"),
    ),
    Timeline(
        "Once exposed, always exposed: leaving 7PP, and joining again, change nothing.",
        "E.....J....L....J...",
        ("(0, 6]", "(6, 19] 7PP"),
    ),
)

CUSTODY = (
    Timeline(
        "A day wholly in custody is not a day at risk; the days of going in and out are.",
        "E....[####].........",
        ("(0, 5]", "(9, 19]"),
    ),
    Timeline(
        "One night inside leaves every day at risk.",
        "E....[].............",
        ("(0, 19]",),
    ),
    Timeline(
        "An offence on the day of release counts.",
        "E....[###}..........",
        ("(0, 5]", "(8, 9] event"),
    ),
    Timeline(
        "An offence inside custody does not count.",
        "E....[#o##].........",
        ("(0, 5]", "(9, 19]"),
    ),
    Timeline(
        "Nor does one marked as committed in custody, whatever the spells say.",
        "E....i....o.........",
        ("(0, 10] event",),
    ),
    Timeline(
        "Arrested on the day of the offence: the offence counts.",
        "E....{####].........",
        ("(0, 5] event",),
    ),
    Timeline(
        "Spells that overlap are one stay.",
        "E....[####].........\n........[####]",
        ("(0, 5]", "(12, 19]"),
    ),
    Timeline(
        "So are spells that touch: the day between them is spent inside.",
        "E....[###]..........\n.........[###]",
        ("(0, 5]", "(12, 19]"),
    ),
    Timeline(
        "A spell within another changes nothing.",
        "E....[#######]......\n.......[##]",
        ("(0, 5]", "(12, 19]"),
    ),
    Timeline(
        "A spell that has not ended lasts to the end.",
        "E....[##############",
        ("(0, 5]",),
    ),
    Timeline(
        "In custody on leaving: at risk from release.",
        "[####]..............",
        ("(4, 19]",),
    ),
    Timeline(
        "Joining while inside counts from release.",
        "E....[#J##].........",
        ("(0, 5]", "(9, 19] 7PP"),
    ),
    Timeline(
        "On the street clock, custody stops the clock.",
        "E....[####]....o....",
        ("(0, 5]", "(5, 11] event"),
        design=STREET,
    ),
    Timeline(
        "It stops for joining too.",
        "E....[####]..J..o...",
        ("(0, 5]", "(5, 9]", "(9, 12] event 7PP"),
        design=STREET,
    ),
)

ENDS = (
    Timeline(
        "Death ends follow-up.",
        "E.........D.........",
        ("(0, 10]",),
    ),
    Timeline(
        "The day of death is the last at risk: an offence on it counts.",
        "E.........D.........\n..........o",
        ("(0, 10] event",),
    ),
    Timeline(
        "Moving away ends it; what happens elsewhere is not seen.",
        "E.........M....o....",
        ("(0, 10]",),
    ),
    Timeline(
        "The day of moving is the last at risk: an offence on it counts.",
        "E.........M.........\n..........o",
        ("(0, 10] event",),
    ),
    Timeline(
        "Coming home does not begin it again.",
        "E.........M..H.o....",
        ("(0, 10]",),
    ),
    Timeline(
        "Who lived elsewhere before leaving, and is home by then, is followed.",
        "M......H..E.........",
        ("(0, 9]",),
    ),
    Timeline(
        "Where offences are seen everywhere, moving away ends nothing.",
        "E.........M....o....",
        ("(0, 15] event",),
        design={"seen_everywhere": True},
    ),
    Timeline(
        "Coming back under IOM ends nothing either.",
        "E....I....E....o....",
        ("(0, 15] event",),
    ),
    Timeline(
        "In custody when watching ends, that day is not at risk.",
        "E....[####D",
        ("(0, 5]",),
    ),
    Timeline(
        "The end is told by its reason: a reoffence,",
        "E.........o.........",
        ("day 10: reoffence",),
        "ends",
    ),
    Timeline(
        "death,",
        "E.........D.........",
        ("day 10: death",),
        "ends",
    ),
    Timeline(
        "moving away,",
        "E.........M.........",
        ("day 10: moved away",),
        "ends",
    ),
    Timeline(
        "or the last day. On a day with two ends, a reoffence is told first,",
        "E.........D.........\n..........o",
        ("day 10: reoffence",),
        "ends",
    ),
    Timeline(
        "then death,",
        "E.........D.........\n..........M",
        ("day 10: death",),
        "ends",
    ),
    Timeline(
        "then moving away.",
        "E...................\n...................M",
        ("day 19: moved away",),
        "ends",
    ),
)

WAITING = (
    Timeline(
        "Follow-up ends where the waiting period can no longer be complete.",
        "E............................................................",
        ("(0, 30]",),
        design=MONTH,
    ),
    Timeline(
        "So an offence after that day does not count, though it was proven.",
        "E..............................o.............................",
        ("(0, 30]",),
        design=MONTH,
    ),
    Timeline(
        "Every offence has the same time to be proven: 30 days after it is in time,",
        "E.........a.............................A....................",
        ("(0, 10] event",),
        design=MONTH,
    ),
    Timeline(
        "31 days after it is too late.",
        "E.........a..............................A...................",
        ("(0, 30]",),
        design=MONTH,
    ),
    Timeline(
        "A later offence that is proven in time is then the first.",
        "E.........a......b.......B...............A...................",
        ("(0, 17] event",),
        design=MONTH,
    ),
    Timeline(
        "An offence still pending does not count.",
        "E.........a..................................................",
        ("(0, 30]",),
        design=MONTH,
    ),
)

RATE = (
    Timeline(
        "The rate counts those whose follow-up and waiting period lie before the extract,",
        "E............................................................",
        ("0 reoffences, 30 of 30 days at risk",),
        "the rate",
        MONTH,
    ),
    Timeline(
        "and a day short of it, whether somebody reoffended is unknown, not no,",
        "E...........................................................",
        ("unknown",),
        "the rate",
        MONTH,
    ),
    Timeline(
        "even of those who did.",
        "E.........o.................................................",
        ("unknown",),
        "the rate",
        MONTH,
    ),
    Timeline(
        "It counts what is proven by the end of waiting, however long after the offence,",
        "E.........a.................................................A",
        ("1 reoffences, 30 of 30 days at risk",),
        "the rate",
        MONTH,
    ),
    Timeline(
        "and not what is proven later.",
        "E.............................a..............................A",
        ("0 reoffences, 30 of 30 days at risk",),
        "the rate",
        MONTH,
    ),
    Timeline(
        "An offence on its last day counts; a day later it does not.",
        "E.............................oo.............................",
        ("1 reoffences, 30 of 30 days at risk",),
        "the rate",
        MONTH,
    ),
    Timeline(
        "It counts offences, not days: two on one day are two.",
        "E.........o..................................................\n..........v",
        ("2 reoffences, 30 of 30 days at risk",),
        "the rate",
        MONTH,
    ),
    Timeline(
        "Custody is taken off the days at risk, not off the calendar.",
        "E....[####]..................................................",
        ("0 reoffences, 26 of 30 days at risk",),
        "the rate",
        MONTH,
    ),
    Timeline(
        "Whoever died is counted, up to that day.",
        "E.........D..................................................",
        ("0 reoffences, 10 of 10 days at risk",),
        "the rate",
        MONTH,
    ),
    Timeline(
        "Whoever moved away by its last day is unknown,",
        "E.............................M..............................",
        ("unknown",),
        "the rate",
        MONTH,
    ),
    Timeline(
        "later is not,",
        "E..............................M.............................",
        ("0 reoffences, 30 of 30 days at risk",),
        "the rate",
        MONTH,
    ),
    Timeline(
        "nor where offences are seen everywhere.",
        "E.............................M..............................",
        ("0 reoffences, 30 of 30 days at risk",),
        "the rate",
        MONTH | {"seen_everywhere": True},
    ),
)

REPEATED = (
    Timeline(
        "Rows go on after a reoffence.",
        "E....o....o.........",
        ("(0, 5] event", "(5, 10] event", "(10, 19]"),
        "every reoffence",
    ),
    Timeline(
        "Offences of one day are one occasion.",
        "E....o..............\n.....v",
        ("(0, 5] event", "(5, 19]"),
        "every reoffence",
    ),
    Timeline(
        "They end on joining, and go on exposed.",
        "E....o..J.o.........",
        ("(0, 5] event", "(5, 8]", "(8, 10] event 7PP", "(10, 19] 7PP"),
        "every reoffence",
    ),
    Timeline(
        "Custody after a reoffence is no time at risk.",
        "E....{####]...o.....",
        ("(0, 5] event", "(9, 14] event", "(14, 19]"),
        "every reoffence",
    ),
    Timeline(
        "Released and offending on the same day: that day alone is at risk.",
        "E....{####}.........",
        ("(0, 5] event", "(9, 10] event", "(10, 19]"),
        "every reoffence",
    ),
    Timeline(
        "Death is the end for good.",
        "E....o....D.........",
        ("(0, 5] event", "(5, 10] death"),
        "every reoffence",
    ),
    Timeline(
        "On the street clock every row starts where the one before it stopped.",
        "E....{####]...o.....",
        ("(0, 5] event", "(5, 10] event", "(10, 15]"),
        "every reoffence",
        STREET,
    ),
)

KINDS = (
    Timeline(
        "The first reoffence is of the kind whose set it is in.",
        "E.........v....o....",
        ("(0, 10] violence",),
        "first, by kind",
    ),
    Timeline(
        "On a day with several, the kind named first goes first.",
        "E.........o.........\n..........v",
        ("(0, 10] violence",),
        "first, by kind",
    ),
    Timeline(
        "Death before any reoffence competes with it.",
        "E.........D.........",
        ("(0, 10] death",),
        "first, by kind",
    ),
    Timeline(
        "A reoffence on the day of death is a reoffence.",
        "E.........D.........\n..........o",
        ("(0, 10] acquisitive",),
        "first, by kind",
    ),
    Timeline(
        "Moving away is no kind: it only ends.",
        "E.........M.........",
        ("(0, 10]",),
        "first, by kind",
    ),
)

WHO = (
    Timeline(
        "Day 0 is the first day no longer under IOM.",
        "I...E.....o.........",
        ("(0, 6] event",),
    ),
    Timeline(
        "Changing tier is not leaving: spells that touch or overlap are one.",
        "I...E...............\n....I.....E....o....",
        ("(0, 5] event",),
    ),
    Timeline(
        "Who leaves twice is followed from the first time within the dates of the design.",
        "I...E....I.....E....",
        ("(0, 15]",),
    ),
    Timeline(
        "Left out: still under IOM on the extract date.",
        "I...................",
        ("still under IOM on the extract date",),
        "left out",
    ),
    Timeline(
        "Left out: never managed under the programme.",
        "E...................",
        ("never managed under MAPPA",),
        "left out",
        {"leaving": "MAPPA"},
    ),
    Timeline(
        "Left out: under age on the day of leaving, in completed years (here born 31 years ago).",
        "E...................",
        ("under 32, or of unknown age",),
        "left out",
        {"min_age": 32},
    ),
    Timeline(
        "Left out: died on or before the day of leaving.",
        "D...................",
        ("died on or before the day of leaving IOM",),
        "left out",
    ),
    Timeline(
        "Left out: lived outside the area on that day.",
        "..M.....E...........",
        ("lived outside the area on that day",),
        "left out",
    ),
    Timeline(
        "Spells elsewhere join where they overlap, so that a short one ends no long one.",
        "M.......E......H....\n.....M.H",
        ("lived outside the area on that day",),
        "left out",
    ),
    Timeline(
        "Left out: had started 7PP before leaving.",
        "..J.....E...........",
        ("had started 7PP before leaving IOM",),
        "left out",
    ),
    Timeline(
        "Left out: in custody for the whole of follow-up.",
        "[####",
        ("in custody for the whole of follow-up",),
        "left out",
    ),
    Timeline(
        "Left out: no day of complete follow-up before the extract.",
        "E.............................",
        ("no day of complete follow-up before the extract",),
        "left out",
        MONTH,
    ),
)

LATER = (
    Timeline(
        "Days count from the day asked: an offence on it is not a reoffence of that follow-up.",
        "E....?....o.........\n.....o",
        ("(0, 14], 1 reoffences",),
        "from the day asked",
    ),
    Timeline(
        "It lasts a month at most, and counts every reoffence; custody is no time at risk.",
        "E..?..o..[##]..v.....................",
        ("(0, 6], 1 reoffences", "(8, 30], 1 reoffences"),
        "from the day asked",
    ),
    Timeline(
        "Joining ends nothing,",
        "E....?....J....o....",
        ("(0, 14], 1 reoffences",),
        "from the day asked",
    ),
    Timeline(
        "unless the days up to joining are asked for.",
        "E....?....J....o....",
        ("(0, 5], 0 reoffences",),
        "from the day asked, until joining",
    ),
)

FAIR = (
    Timeline(
        "Comparing who ever joined with who never did is refused.",
        "E.....J.............",
        ("would be counted as its own",),
        "refused",
        {"exposure": "ever"},
    ),
    Timeline(
        "It is fair where everybody joins on day 0.",
        "J...................",
        ("(0, 19] 7PP",),
        design={"exposure": "ever"},
    ),
    Timeline(
        "Following some from joining and others from leaving is refused.",
        "E.....J.............",
        ("when the risk is highest",),
        "refused",
        {"time_zero": "own start"},
    ),
)

KNOWN_OFFENCES = (
    Timeline(
        "What happens on the day asked, or later, is not known on it.",
        "..........?o........\n..........o",
        ("n_previous: 0", "months_since_offence: unknown"),
        "known",
    ),
    Timeline(
        "An offence is known from the day after it was recorded.",
        "a..1?...............",
        ("months_since_offence: 0.13",),
        "known",
    ),
    Timeline(
        "On the day it is recorded it is not known yet.",
        "a...?...............\n....1",
        ("months_since_offence: unknown",),
        "known",
    ),
    Timeline(
        "Without a day of recording, it is known from the day after its outcome.",
        "a..A?...............",
        ("n_previous: 1", "months_since_offence: 0.13"),
        "known",
    ),
    Timeline(
        "With neither it is never known.",
        "a...................?",
        ("months_since_offence: unknown",),
        "known",
    ),
    Timeline(
        "A previous offence counts from the day after it was proven.",
        "a1.......A?.........",
        ("n_previous: 1", "n_sanctions: 1"),
        "known",
    ),
    Timeline(
        "On the day it is proven it is known, but not proven yet.",
        "a1........?.........\n..........A",
        ("n_previous: 0", "months_since_offence: 0.33"),
        "known",
    ),
    Timeline(
        "What was not proven is known, and no previous offence.",
        "x.........?.........",
        ("n_previous: 0", "months_since_offence: 0.33"),
        "known",
    ),
    Timeline(
        "Offences dealt with on one day are one sanction.",
        "a.b.......?.........\n......A\n......B",
        ("n_previous: 2", "n_sanctions: 1"),
        "known",
    ),
    Timeline(
        "A set counts its own.",
        "o..v......?.........",
        ("n_previous: 2", "n_previous_SAC_HMICFRS2022: 1"),
        "known",
    ),
    Timeline(
        "The latest offence that is known is the last, though an older one came to light after it.",
        "a...b...............?\n.....2....1",
        ("months_since_offence: 0.53",),
        "known",
    ),
)

KNOWN_CUSTODY = (
    Timeline(
        "A day in custody is a night begun before the day asked: 4 nights inside,",
        ".....[###]..........?",
        ("custody_days: 4",),
        "known",
    ),
    Timeline(
        "of a stay that lasts, those before the day asked,",
        ".....[####?####]....",
        ("custody_days: 5",),
        "known",
    ),
    Timeline(
        "none of a stay that begins on it,",
        "..........?.........\n..........[####]",
        ("custody_days: 0",),
        "known",
    ),
    Timeline(
        "and of overlapping spells each night once.",
        ".....[####].........?\n.......[####]",
        ("custody_days: 7",),
        "known",
    ),
    Timeline(
        "Only nights of the last months of the design count; here of the last 30 days.",
        "[####]............................?",
        ("custody_days: 1",),
        "known",
        {"custody_months": 1},
    ),
)

KNOWN_NEEDS = (
    Timeline(
        "An assessment counts from the day after it was made.",
        "....+?..............",
        ("need_ACC: yes", "n_needs: 1", "assessed: yes"),
        "known",
    ),
    Timeline(
        "One made on the day asked does not.",
        ".....?..............\n.....+",
        ("need_ACC: unknown", "n_needs: unknown", "assessed: no"),
        "known",
    ),
    Timeline(
        "The latest stands.",
        "..+.....-.?.........",
        ("need_ACC: no", "n_needs: 0"),
        "known",
    ),
    Timeline(
        "It stands for the months of the design, the last day included; here for 30 days.",
        "+.............................?",
        ("need_ACC: yes",),
        "known",
        {"needs_last_months": 1},
    ),
    Timeline(
        "Then it is unknown, which is not no.",
        "+..............................?",
        ("need_ACC: unknown", "assessed: no"),
        "known",
        {"needs_last_months": 1},
    ),
    Timeline(
        "An assessment without a score says that the need is unknown, whatever was known before.",
        "..+.....~.?.........",
        ("need_ACC: unknown", "assessed: no"),
        "known",
    ),
)

SECTIONS = {
    "Day 0, and what a reoffence is": DAY_0,
    "Joining": JOINING,
    "Custody": CUSTODY,
    "The end": ENDS,
    "Waiting for proof": WAITING,
    "The one-year rate (here of one month, and one of waiting)": RATE,
    "Every reoffence": REPEATED,
    "The first reoffence, by kind": KINDS,
    "Who is followed": WHO,
    "Following from a later day (here for a month)": LATER,
    "What is refused": FAIR,
    "What is known on a day: offences": KNOWN_OFFENCES,
    "What is known on a day: custody": KNOWN_CUSTODY,
    "What is known on a day: needs": KNOWN_NEEDS,
}
TIMELINES = tuple(timeline for section in SECTIONS.values() for timeline in section)
