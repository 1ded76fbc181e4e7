"""Criminal careers: how often, how long, at what, with whom and how gravely people offend.

`trace_careers` takes each person's proven offences within a window, and the time at liberty to
commit them; every measure is a function of the careers traced. The conventions, stated once:

    a window       runs from its first day up to, not including, `until`
    an offence     counts if it is in the offence set, was committed on a day at risk of the window
                   (see `desistance.histories.streettime`; never in custody), and was proven before
                   `until`, or before `waiting_months` after it: nothing later changes a career
    two clocks     exposure is given in calendar time and in street time, side by side. Custody
                   takes days away in which nobody could offend: on the calendar alone it looks
                   like a lower rate, and like a pause
    one day        offences of one day have no order among themselves
"""

from desistance.histories.careers.agecrime import AgeCrimeCurve, age_crime_curve
from desistance.histories.careers.careers import Careers, trace_careers
from desistance.histories.careers.harm import CareerHarm, career_harm
from desistance.histories.careers.measures import CareerMeasures, career_measures
from desistance.histories.careers.mix import CrimeMix, crime_mix
from desistance.histories.careers.transitions import Specialisation, specialisation

__all__ = [
    "AgeCrimeCurve",
    "CareerHarm",
    "CareerMeasures",
    "Careers",
    "CrimeMix",
    "Specialisation",
    "age_crime_curve",
    "career_harm",
    "career_measures",
    "crime_mix",
    "specialisation",
    "trace_careers",
]
