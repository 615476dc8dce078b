"""What a values file may say, said once, and how it is read."""

from vipalived.settings.loading import Loaded, effective_values, load
from vipalived.settings.model import Node, NodeOverride, Settings, VirtualRouter

__all__ = ["Loaded", "Node", "NodeOverride", "Settings", "VirtualRouter", "effective_values", "load"]
