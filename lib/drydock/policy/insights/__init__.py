"""Queries of CloudWatch Logs Insights: read by `language`, computed by `run`, over events that are given.

Source: CloudWatch Logs user guide, "CloudWatch Logs Insights language query syntax" (documented).
"""

from drydock.policy.infix import Malformed
from drydock.policy.insights.language import Query, parse
from drydock.policy.insights.run import Answer, Event, run

__all__ = ["Answer", "Event", "Malformed", "Query", "parse", "run"]
