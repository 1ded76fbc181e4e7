"""The scores again, one person at a time, with plain numbers typed from the publications.

Nothing here is shared with the library: other loops, other dates, other tables.
"""

import datetime
import math

MALE_AGE = [(50, -2.0253), (40, -1.4997), (35, -1.368), (30, -1.326), (25, -1.1667), (21, -1.0515),
            (18, -0.6251), (16, -0.0616), (14, 0.07578), (12, 0.08392), (10, 0.0)]  # fmt: skip
FEMALE_AGE = [(50, -2.4498), (40, -1.5247), (35, -1.4219), (30, -1.1291), (25, -1.0528),
              (21, -1.0285), (18, -0.8975), (16, -0.9592), (14, -0.66952), (12, -0.61385),
              (10, -0.785)]  # fmt: skip
# Classes of the synthetic pilot that have one weight: OGRS3, All Reoffending Predictor.
WEIGHTS = {
    "028": (-0.1239, 0.155944202809011), "030": (0.2406, 0.2060248043228),
    "034": (-0.6348, -0.119211282701221), "039": (0.6612, 0.462548123919817),
    "045": (0.4272, 0.173405416410866), "046": (0.6612, 0.462548123919817),
    "048": (0.3801, 0.173405416410866), "049": (0.6612, 0.462548123919817),
    "105": (0.0, -0.110075583936778), "149": (0.205, 0.12167599899735),
}  # fmt: skip


def logistic(x):
    return 1 / (1 + math.exp(-x))


def slow_ogrs3(sex, age, sanctions, first, last, weight):
    bands = {"M": MALE_AGE, "F": FEMALE_AGE}[sex]
    of_age = next(w for youngest, w in bands if age >= youngest)
    status = 0.12614 if sanctions == 1 else 0.46306
    z = of_age + status + 1.25112 * math.log(sanctions / (10 + last - first)) + weight
    return logistic(z + 1.40256), logistic(z + 2.1217)


def slow_arp_log_odds(sex, age, sanctions, first, last, weight, months):
    m = min(months, 36)
    z = 5.01702292499072 + weight - 0.0042757301284995 * sanctions
    if sex == "M":
        z += -0.142428460338541 * age + 0.0011000413899151 * age**2
        z += 0.0000198538471606 * age**3 - 0.0000002648918335 * age**4
    else:
        z += -2.95224200717183 - 0.0175014516689226 * age + 0.0001625346907234 * age**2
        z += 0.0000003645241305 * age**3 - 0.0000000746220588 * age**4
    z += -0.0762086223169624 * m + 0.0016230134182902 * m**2
    z += 0.0000224473135387 * m**3 - 0.0000012808638685 * m**4
    if sanctions == 1:
        z -= 3.94357049933093
    elif sanctions == 2:
        slope = -0.0432051839161834 if sex == "M" else -0.0427998315841607
        z += -3.06189212045904 + slope * (last - first)
    else:
        c = math.log(sanctions / (26 + last - first))
        once, twice = {"M": (1.55298303083717, 0.129334968245905),
                       "F": (1.01980307124196, -0.039439197041062)}[sex]  # fmt: skip
        z += once * c + twice * c**2
    return z


def slow_arp(*inputs):
    return logistic(slow_arp_log_odds(*inputs))


def whole_years(born, then):
    return then.year - born.year - ((then.month, then.day) < (born.month, born.day))


def whole_months(start, end):
    return 12 * (end.year - start.year) + end.month - start.month - (end.day < start.day)


def slow_inputs(cases, person_id, date, free_from=("offence", "release")):
    """Read what a score needs off the tables of a case file; None if nothing was proven."""
    one = datetime.timedelta(days=1)
    born = next(p.birth_month for p in cases.people.itertuples() if p.person_id == person_id)
    mine = [o for o in cases.offences.itertuples() if o.person_id == person_id]
    proven = [o for o in mine if o.outcome in ("convicted", "caution") and o.outcome_date < date]
    if not proven:
        return None
    first = min(o.outcome_date for o in proven)
    last = max(o.outcome_date for o in proven)
    then = [o for o in proven if o.outcome_date == last]
    newest = max(o.offence_date for o in then)
    code = min(o.offence_code for o in then if o.offence_date == newest)
    nights = set()
    for spell in cases.custody.itertuples():
        night = spell.in_date
        while spell.person_id == person_id and night < date:
            if night >= spell.out_date:  # never, while the spell lasts
                break
            nights.add(night)
            night += one
    moments = {
        "offence": [o.offence_date for o in mine if max(o.recorded_date, o.offence_date) < date],
        "sanction": [last],
        "release": [night + one for night in nights if night + one not in nights],
    }
    since = max(day for moment in free_from for day in moments[moment])
    slept = sum(since <= night < date for night in nights)
    return {
        "age": whole_years(born, date),
        "n_sanctions": len({o.occasion_id for o in proven}),
        "age_first_sanction": whole_years(born, first),
        "age_last_sanction": whole_years(born, last),
        "offence_code": code,
        "months_offence_free": min(whole_months(since + slept * one, date), 36),
        "age_offence_free_from": whole_years(born, since),
    }
