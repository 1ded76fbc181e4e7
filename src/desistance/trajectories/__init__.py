"""Group-based trajectories: how offending went over age or time, told in a few groups."""

from desistance.trajectories.choice import GroupChoice, choose_groups
from desistance.trajectories.fit import fit_trajectories
from desistance.trajectories.result import Trajectories

__all__ = ["GroupChoice", "Trajectories", "choose_groups", "fit_trajectories"]
