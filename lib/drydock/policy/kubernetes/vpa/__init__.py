"""VerticalPodAutoscaler 1.7: from measured usage to requests, and which pods get them.

`histogram` keeps what was measured, `usage` feeds it, `recommender` reads requests from it, `capping` fits them to
LimitRanges, `updater` picks pods, and `boost` gives them more CPU while they start.
"""
