"""What Karpenter decides: which instances pods get, and which nodes go.

`requirements` are conditions on labels and their intersection, `offers` what can be bought and the NodePools that may
buy it, `topology` which zones and nodes spread and affinity leave, `provisioning` puts pending pods on nodes, `budgets`
says how many nodes may go at once, `consolidation` and `drift` which of them do.

Source: kubernetes-sigs/karpenter, 1.14 (observed in its code, documented on karpenter.sh).
"""
