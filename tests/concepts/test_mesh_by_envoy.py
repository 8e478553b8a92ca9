"""Policy of the mesh held against the Envoy that is installed."""

from __future__ import annotations

import pytest

from drydock.concepts import weighted_routing
from drydock.concepts.envoy_lab import Upstream, cluster, envoy, static
from drydock.policy.mesh import weights


def test_envoy_shares_requests_out_as_computed() -> None:
    """`measured` itself asserts that every count is in its band, which an honest run misses once in a million."""
    shown = weighted_routing.measured(2, 1, 600)
    assert sum(int(str(row[-1])) for row in shown.rows) == 600


@pytest.mark.parametrize("asked", [(0, 0), (2**32 - 1, 1)])
def test_weights_that_policy_refuses_envoy_refuses_too(asked: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="the sum of the weights is"):
        weights.check(weights.ENVOY, asked)
    route = {"weighted_clusters": {"clusters": [{"name": f"v{weight}", "weight": weight} for weight in asked]}}
    with (
        Upstream(lambda _: 200) as one,
        pytest.raises(RuntimeError, match=r"[Ss]um of weights"),
        envoy(static({"shop": route}, [cluster(f"v{weight}", one) for weight in set(asked)])),
    ):
        pass
