"""Prices that have a source, and sums of them."""

from __future__ import annotations

import gzip
import importlib.util
import json
from pathlib import Path

import boto3
import pytest

from drydock.cloud import Call, Cloud, CloudRefused
from drydock.pricing import (
    MONTH_HOURS,
    PRICES,
    SHAPES,
    THIRTY_DAYS_HOURS,
    Cap,
    Shape,
    by_use,
    control_planes,
    estimate,
    fargate_hour,
    fargate_tasks,
    global_accelerators,
    instances,
    spot_tasks,
    stored,
    task_storage,
    unpriced,
)


def test_every_price_says_where_when_and_from_whom() -> None:
    for price in PRICES.values():
        assert price.usd > 0
        assert (price.region, bool(price.date), bool(price.source), bool(price.unit)) == ("us-east-1", True, True, True)


@pytest.mark.parametrize(
    ("cpu", "memory", "architecture", "usd"),
    [
        (256, 512, "x86_64", 0.0123425),
        (1024, 2048, "x86_64", 0.04937),
        (2048, 8192, "x86_64", 0.11652),
        (2048, 8192, "arm64", 0.09324),
    ],
)
def test_a_fargate_task_costs_its_cpu_and_its_memory(cpu: int, memory: int, architecture: str, usd: float) -> None:
    assert estimate([fargate_tasks(1, cpu=cpu, memory=memory, architecture=architecture)], 1).usd == pytest.approx(usd)


def test_windows_has_a_licence_besides() -> None:
    assert fargate_hour(1, 0, "windows") == pytest.approx(0.09148 + 0.046)
    assert fargate_hour(2, 4, "windows") == pytest.approx(2 * (0.09148 + 0.046) + 4 * 0.01005)


def test_spot_is_a_discount_of_the_readers_and_not_for_windows() -> None:
    item = spot_tasks(4, 0.7, cpu=1024, memory=2048)
    assert (item.usd_per_hour, item.count) == (pytest.approx(0.04937 * 0.3), 4)
    assert item.what.endswith("on Spot at 70 % off (assumed)")
    with pytest.raises(ValueError, match="Fargate Spot does not run Windows"):
        spot_tasks(1, 0.7, cpu=1024, memory=2048, architecture="windows")
    with pytest.raises(ValueError, match="from 0 to 1"):
        spot_tasks(1, 70, cpu=1024, memory=2048)


def test_storage_is_charged_above_20_gib() -> None:
    assert estimate([task_storage(3, 20)], 1).usd == 0
    assert estimate([task_storage(3, 50)], 1).usd == pytest.approx(3 * 30 * 0.000111)


def test_control_planes_and_accelerators_in_both_months() -> None:
    assert estimate([control_planes(1)], MONTH_HOURS).usd == pytest.approx(73)
    assert estimate([control_planes(1, extended=True)], MONTH_HOURS).usd == pytest.approx(438)
    assert estimate([global_accelerators(1)], THIRTY_DAYS_HOURS).usd == pytest.approx(18)


def test_fargate_by_the_hour() -> None:
    assert fargate_hour(10, 20) == pytest.approx(0.4937)
    assert fargate_hour(10, 20, "arm64") == pytest.approx(0.395)


def test_every_priced_instance_has_the_shape_that_describe_instance_types_gives() -> None:
    assert {f"ec2 {name}" for name in SHAPES} == {item for item in PRICES if item.startswith("ec2 ")}
    spec = importlib.util.find_spec("moto")
    assert spec is not None and spec.origin is not None
    data = Path(spec.origin).parent / "ec2" / "resources" / "instance_types.json.gz"
    described = json.loads(gzip.decompress(data.read_bytes()))
    for name, shape in SHAPES.items():
        seen = described[name]
        vcpu, mib = seen["VCpuInfo"]["DefaultVCpus"], seen["MemoryInfo"]["SizeInMiB"]
        [architecture] = seen["ProcessorInfo"]["SupportedArchitectures"]
        assert shape == Shape(vcpu, mib // 1024, architecture), name


def test_counts_and_hours_multiply() -> None:
    assert estimate([fargate_tasks(100, cpu=1024, memory=2048)], 720).usd == pytest.approx(3554.64)
    assert estimate([instances(50, "m5.large")], 720).usd == pytest.approx(3456.0)
    assert PRICES["eks control plane"].usd * MONTH_HOURS == pytest.approx(73.0)


def test_what_is_stored_costs_its_share_of_a_month() -> None:
    month = estimate([stored("logs", 100), stored("images", 50)], MONTH_HOURS)
    assert month.usd == pytest.approx(100 * 0.03 + 50 * 0.10)
    assert [row[3] for row in month.rows()] == ["2026-06", "2026-03"]


def test_what_is_charged_by_use_is_told_with_its_unit_and_date() -> None:
    assert by_use("NAT gateway, data") == "0.045 USD a GB (price of 2026-02-24)"
    assert by_use("network load balancer, LCU") == "0.006 USD a NLCU-hour (price of 2026-05)"


def test_what_has_no_price_is_named_and_adds_nothing() -> None:
    told = estimate([fargate_tasks(1, cpu=256, memory=512), unpriced("NAT gateway"), instances(1, "x9.huge")], 2)
    assert told.usd == pytest.approx(2 * 0.0123425)
    assert told.not_priced == ["NAT gateway", "EC2 x9.huge"]
    assert "not priced: NAT gateway, EC2 x9.huge" in str(told)
    assert "2026-03" in str(told)


def test_a_price_of_one_region_is_not_shown_for_another() -> None:
    told = estimate([fargate_tasks(1, cpu=256, memory=512)], 1, region="eu-west-1")
    assert (told.usd, len(told.not_priced)) == (0.0, 1)
    assert str(told).startswith("Not priced in eu-west-1: Fargate task")


def test_a_cap_stops_what_creates_once_the_budget_is_spent_and_lets_the_rest_go_on() -> None:
    cloud = Cloud("aws", "012345678901", "us-east-1", None, boto3.Session(), budget_usd=0.05)
    cap = Cap(cloud, estimate([fargate_tasks(1, cpu=1024, memory=2048)], 0.5))
    cap.sending(Call("ecs", "RunTask", {}))
    cap.since -= 2 * 3600
    with pytest.raises(CloudRefused, match=r"run for 2.0 h is estimated at \$0.0987 and the budget is \$0.05"):
        cap.sending(Call("ecs", "RunTask", {}))
    cap.sending(Call("ecs", "DeleteService", {}))
    cap.sending(Call("ecs", "DescribeTasks", {}))
