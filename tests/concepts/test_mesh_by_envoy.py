"""Policy of the mesh held against the Envoy that is installed."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.waiting import eventually

from drydock.concepts import mutual_tls, outlier_detection, weighted_routing
from drydock.concepts.envoy_lab import Upstream, ask, cluster, envoy, in_zones, static, zone
from drydock.policy import traffic
from drydock.policy.mesh import locality, weights
from drydock.policy.mesh.locality import Hosts


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


@pytest.mark.parametrize(("hosts", "errors"), [(2, 1), (3, 5)])
def test_envoy_ejects_after_as_many_errors_in_a_row_as_computed(hosts: int, errors: int) -> None:
    """`one_fails` itself asserts that it is not sooner, nor another host, and that the host gets nothing after it."""
    bad, *good = outlier_detection.one_fails(hosts, errors).rows
    assert bad[1:] == (errors, 0, "yes")
    assert {row[3] for row in good} == {"no"}


def test_envoy_ejects_as_many_of_all_as_computed() -> None:
    rows = outlier_detection.all_fail([(3, 50), (1, 50), (4, 100)]).rows
    assert [row[3] for row in rows] == [1, 0, 4]
    assert [row[5] for row in rows] == ["no", "no", "yes"]


@pytest.mark.parametrize("client_checks", ["our CA", "our CA and another name"])
def test_envoy_refuses_the_handshakes_that_policy_refuses_and_for_its_reasons(client_checks: str) -> None:
    """`measured` itself asserts each of the twenty."""
    assert len(mutual_tls.measured(client_checks).rows) == 20


def test_envoy_sends_to_zones_as_computed() -> None:
    """By weight, by priority, and the caller's own zone first: one Envoy, six servers, of which some have no hosts up.

    Zones by weight take turns, so the counts are nearly exact. The others are drawn.
    """
    requests = 400
    with ExitStack() as stack:
        one, two, own, *others = (stack.enter_context(Upstream(lambda _: 200)) for _ in range(6))
        near = {"a": 2, "b": 2}
        clusters = [
            in_zones("weights", zone("a", one, down=3, load_balancing_weight=1),
                     zone("b", two, load_balancing_weight=2),
                     common_lb_config={"locality_weighted_lb_config": {}, "healthy_panic_threshold": {}}),
            in_zones("priorities", zone("a", one, down=2), zone("b", two, priority=1)),
            in_zones("own", zone("a", own), zone("b", *others),
                     common_lb_config={"zone_aware_lb_config": {"min_cluster_size": 4}}),
            in_zones("callers", zone("a", one, two), zone("b", *others[:2])),
        ]  # fmt: skip
        routes = {name: {"cluster": name} for name in ("weights", "priorities", "own")}
        proxy = stack.enter_context(
            envoy(
                static(routes, clusters),
                node={"id": "drydock", "cluster": "drydock", "locality": {"zone": "a"}},
                cluster_manager={"local_cluster_name": "callers"},
            )
        )

        def counted(name: str, *servers: Upstream) -> int:
            before = sum(server.asked for server in servers)
            assert set(ask(proxy.url(name), requests)) == {200}
            return sum(server.asked for server in servers) - before

        by_weight = locality.shares({"a": Hosts(1, 4, 1), "b": Hosts(1, 1, 2)})["a"]
        assert abs(counted("weights", one) - requests * by_weight) <= 2
        level, _ = locality.levels([Hosts(1, 3), Hosts(1, 1)])
        assert traffic.sure_band(requests, level.percent / 100, risk=1e-6).holds(counted("priorities", one))
        at_home = locality.own_zone_first("a", near, {"a": 1, "b": 3}, least=4).shares["a"]
        assert at_home == 0.5
        assert traffic.sure_band(requests, at_home, risk=1e-6).holds(counted("own", own))


MEASURING = """
import signal, time
from drydock.concepts.envoy_lab import Upstream, cluster, envoy, static
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a kernel, whatever starts these tests
with Upstream(lambda _: 200) as one, envoy(static({"shop": {"cluster": "one"}}, [cluster("one", one)])) as proxy:
    print(proxy.directory, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_envoy_stays_behind_when_what_measures_is_ended(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", MEASURING], stdout=subprocess.PIPE, text=True) as measuring:
        try:
            assert measuring.stdout
            directory = Path(measuring.stdout.readline().strip())
            assert _working_in(directory)
        finally:
            measuring.send_signal(number)
    eventually(lambda: not _working_in(directory), f"Envoy to end after {number.name}")


def _working_in(directory: Path) -> list[str]:
    """The processes whose working directory this is; Linux says it of one's own."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink().name.split(" ")[0] == directory.name:
                found.append(process.name)
    return found
