"""What X-Ray makes of segments and spans: documents it takes, whole traces, summaries, the service graph, filters."""
