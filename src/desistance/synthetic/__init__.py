"""A made-up pilot with a known answer: the same tables as a real one, from a seed."""

from desistance.synthetic.design import SimulationDesign
from desistance.synthetic.files import write_simulation
from desistance.synthetic.simulate import SimulatedCases, Truth, simulate_cases

__all__ = ["SimulatedCases", "SimulationDesign", "Truth", "simulate_cases", "write_simulation"]
