"""HorizontalPodAutoscaler, autoscaling/v2: from measured pods to a number of replicas.

`pods` sorts pods by whether their metric counts, `replicas` finds the number that a metric asks for, `behavior` holds
it back (windows, policies, bounds), and `controller` is one turn of the loop over several metrics.
"""
