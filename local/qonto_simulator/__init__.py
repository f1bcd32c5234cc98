"""A faithful Qonto Business API for client invoices: strict, deterministic, and able to fail on demand."""

from local.qonto_simulator.behaviour import Behaviour
from local.qonto_simulator.faults import FaultKind, Faults
from local.qonto_simulator.limits import Limits, Window
from local.qonto_simulator.oauth import OAuthClient
from local.qonto_simulator.server import Simulator
from local.qonto_simulator.world import World

__all__ = ["Behaviour", "FaultKind", "Faults", "Limits", "OAuthClient", "Simulator", "Window", "World"]
