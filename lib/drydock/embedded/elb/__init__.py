"""Both load balancing APIs answer at one host name, which moto takes for the older one's."""

from drydock.embedded.elbv2 import install, restored

__all__ = ["install", "restored"]
