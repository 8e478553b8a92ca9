"""What the guides say of prices, and of Fargate against EC2."""

from __future__ import annotations

from drydock.concepts.claims.claim import Claim, Numbers, Verdict
from drydock.concepts.claims.fleet import CLUSTERS, MULTI_REGION
from drydock.concepts.claims.mesh import NEED
from drydock.concepts.claims.sizes import SIZES
from drydock.policy import cost
from drydock.pricing import MONTH_HOURS, PRICES, SHAPES, THIRTY_DAYS_HOURS, ec2_hour, fargate_hour

FARGATE_EC2 = "Fargate against EC2"
DISCOUNTS = "discounts and sizes"
CONTROL_PLANES = "control planes and other fees"

_FARGATE = "vantage.sh and cloudburn.io, March 2026"
_EC2 = "karpenter-provider-aws 1.14.1, prices of 2026-07-20"


def _hundred(gb: float) -> float:
    """USD in 720 h for 100 vCPU of Fargate, with so many GB for each vCPU."""
    return THIRTY_DAYS_HOURS * fargate_hour(100, 100 * gb)


def _ten(architecture: str = "x86_64") -> float:
    """USD in 730 h for 10 vCPU and 20 GB of Fargate."""
    return MONTH_HOURS * fargate_hour(10, 20, architecture)


def _xlarges() -> Numbers:
    """USD in 730 h of the m5.xlarge that hold ten tasks of 1 vCPU and 2 GB."""
    shape = SHAPES["m5.xlarge"]
    fit = cost.tasks_that_fit(1, 2, instance_vcpu=shape.vcpu, instance_gb=shape.gb)
    month = MONTH_HOURS * ec2_hour("m5.xlarge")
    count = cost.instances_needed(10, fit)
    return {
        f"{count} instances, which hold it": count * month,
        f"{10 / fit:g}, could one buy parts": 10 / fit * month,
        "2 instances, 8 vCPU": 2 * month,
    }


def _premium() -> Numbers:
    return {
        f"{SHAPES[one].vcpu} vCPU and {SHAPES[one].gb} GB against {one}": fargate_hour(
            SHAPES[one].vcpu, SHAPES[one].gb, SHAPES[one].architecture
        )
        / ec2_hour(one)
        for one in ("m5.large", "m7g.large")
    }


def _off_hours(hours: float, days: int) -> float:
    return 1 - hours * days / (24 * 7)


def _spot_discounts() -> Numbers:
    three, _, two = _xlarges().values()
    return {"the discount it implies on 3 m5.xlarge": 1 - 120 / three, "on 2": 1 - 120 / two}


CLAIMS = (
    Claim(
        id="A1",
        lines="26, 147, 154, 1252",
        subjects=(FARGATE_EC2,),
        says="Fargate is USD 0.04 a vCPU-hour.",
        unit="USD an hour",
        said=0.04,
        today=lambda: {
            "x86_64, a vCPU": PRICES["fargate x86_64 vCPU"].usd,
            "besides, a GB": PRICES["fargate x86_64 memory"].usd,
            "arm64, a vCPU": PRICES["fargate arm64 vCPU"].usd,
            "besides, a GB on arm64": PRICES["fargate arm64 memory"].usd,
        },
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="Memory is charged, too. The guide leaves it out of every sum.",
        source=_FARGATE,
    ),
    Claim(
        id="A2",
        lines="27, 154, 1275",
        subjects=(FARGATE_EC2,),
        says="100 vCPU on Fargate are USD 2,880 a month.",
        unit="USD",
        said=2880,
        own=lambda: {"100 × 0.04 × 720 h": 100 * 0.04 * 720},
        today=lambda: {
            "with 2 GB a vCPU": _hundred(2),
            "with 4 GB a vCPU, as m5 has": _hundred(4),
            "vCPU alone, which Fargate does not sell": _hundred(0),
        },
        leaves_out="memory",
        holds="A fifth to a third is missing, depending on the memory.",
        source=f"computed; {_FARGATE}",
    ),
    Claim(
        id="A3",
        lines="26–27, 157, 1252",
        subjects=(FARGATE_EC2,),
        says="EC2 Spot is USD 0.01 a vCPU-hour: USD 720 a month for 100 vCPU.",
        unit="USD",
        said=720,
        own=lambda: {
            "100 × 0.01 × 720 h": 100 * 0.01 * 720,
            "at the 0.007 of line 157": 100 * 0.007 * 720,
            "at the 0.015 of line 1252": 100 * 0.015 * 720,
        },
        holds="Spot prices move by type, zone and hour; this edition has no dated one.",
        source="computed from the guide",
    ),
    Claim(
        id="A4",
        lines="26",
        subjects=(FARGATE_EC2,),
        says="Fargate costs 3 to 4 times as much as EC2 Spot.",
        unit="times",
        said=(3, 4),
        own=lambda: {"0.04 / 0.01": 0.04 / 0.01, "0.04 / 0.007": 0.04 / 0.007, "0.04 / 0.015": 0.04 / 0.015},
        holds="By its own three Spot prices the range is wider on both sides.",
        source="computed from the guide",
    ),
    Claim(
        id="A6",
        lines="156",
        subjects=(FARGATE_EC2,),
        says="m5.large on demand is USD 0.023 a vCPU-hour: USD 1,656 a month for 100 vCPU.",
        unit="USD",
        said=1656,
        own=lambda: {"100 × 0.023 × 720 h": 100 * 0.023 * 720},
        today=lambda: {"50 m5.large for 720 h": 50 * ec2_hour("m5.large") * THIRTY_DAYS_HOURS},
        holds="An m5.large has 2 vCPU. The guide has half of its price.",
        source=f"computed; {_EC2}",
    ),
    Claim(
        id="A7",
        lines="157",
        subjects=(FARGATE_EC2,),
        says="m5.large on Spot is USD 0.007 a vCPU-hour: USD 504 a month for 100 vCPU.",
        unit="USD",
        said=504,
        own=lambda: {"100 × 0.007 × 720 h": 100 * 0.007 * 720},
        judged=(Verdict.UNVERIFIABLE,),
        holds="Two vCPU at this price are 85 % off the on-demand price, which is more than is usual; not verified.",
        source="computed from the guide",
    ),
    Claim(
        id="A12",
        lines="1194–1200, 1412",
        subjects=(DISCOUNTS,),
        says="A one-year Compute Savings Plan takes up to 66 % off Fargate: USD 979 instead of USD 2,880 a month.",
        unit="USD",
        said=979,
        own=lambda: {"2,880 × 34 %": 2880 * (1 - 0.66)},
        today=lambda: {"at 52 % off, the most that a source names for Fargate": 2880 * (1 - 0.52)},
        holds="66 % is a ceiling of EC2 with three years paid in advance. Fargate's is 50 to 52 % with three years; "
        "one year without payment in advance gives far less.",
        source="wring.co, March 2026; cloudkeeper.com",
    ),
    Claim(
        id="A13",
        lines="1195, 1412",
        subjects=(DISCOUNTS,),
        says="EC2 Instance Savings Plans: up to 72 % off.",
        judged=(Verdict.RIGHT,),
        holds="With three years, for one instance family in one region.",
        source="cloudburn.io, March 2026",
    ),
    Claim(
        id="A14",
        lines="1205–1210",
        subjects=(DISCOUNTS, SIZES),
        says="A task cut from 1024 CPU units and 2048 MiB to 256 and 512 costs 75 % less; it uses 200 and 512.",
        unit="%",
        said=0.75,
        own=lambda: {"1 − 256 / 1024": 1 - 256 / 1024},
        today=lambda: {
            "at the dated prices": 1 - fargate_hour(0.25, 0.5) / fargate_hour(1, 2),
            "with 1024 MiB instead": 1 - fargate_hour(0.25, 1) / fargate_hour(1, 2),
        },
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="The sum is right and the advice is not: memory set to what was observed leaves no room, and a task "
        "that goes over is killed. 1024 MiB costs little more.",
        source=f"computed; {_FARGATE}",
    ),
    Claim(
        id="A15",
        lines="1216",
        subjects=(DISCOUNTS,),
        says="Three m5.large have 12 vCPU and cost USD 0.069 each: USD 0.207 an hour.",
        unit="USD an hour",
        said=0.207,
        own=lambda: {"3 × 0.069": 3 * 0.069},
        today=lambda: {f"3 m5.large, {3 * SHAPES['m5.large'].vcpu} vCPU": 3 * ec2_hour("m5.large")},
        holds="An m5.large has 2 vCPU, so three have 6.",
        source=_EC2,
    ),
    Claim(
        id="A16",
        lines="1216",
        subjects=(DISCOUNTS,),
        says="One m5.xlarge costs USD 0.092 an hour.",
        unit="USD an hour",
        said=0.092,
        today=lambda: {"m5.xlarge": ec2_hour("m5.xlarge")},
        holds="It costs twice an m5.large.",
        source=_EC2,
    ),
    Claim(
        id="A17",
        lines="1218",
        subjects=(DISCOUNTS,),
        says="One m5.xlarge instead of three m5.large saves 56 %.",
        unit="%",
        said=0.56,
        own=lambda: {"1 − 0.092 / 0.207": 1 - 0.092 / 0.207},
        today=lambda: {"at the dated prices": 1 - ec2_hour("m5.xlarge") / (3 * ec2_hour("m5.large"))},
        holds="The sum is right on prices that are not.",
        source=f"computed; {_EC2}",
    ),
    Claim(
        id="A18",
        lines="1233",
        subjects=(CLUSTERS,),
        says="One EKS cluster instead of five saves USD 360 a month.",
        unit="USD",
        said=360,
        own=lambda: {"4 fees fewer, 4 × 0.10 × 720 h": 4 * 0.10 * 720},
        today=lambda: {"730 h": 4 * PRICES["eks control plane"].usd * MONTH_HOURS},
        holds="USD 360 is the fee of all five in 720 h, and one of them stays.",
        source="computed",
    ),
    Claim(
        id="A19",
        lines="1243, 1407",
        subjects=(CONTROL_PLANES,),
        says="An EKS control plane is USD 0.10 an hour, USD 73 a month.",
        unit="USD",
        said=73,
        own=lambda: {"0.10 × 730 h": 0.10 * 730},
        today=lambda: {
            "standard support, 730 h": PRICES["eks control plane"].usd * MONTH_HOURS,
            "extended support": PRICES["eks control plane, extended support"].usd * MONTH_HOURS,
        },
        judged=(Verdict.INCONSISTENT,),
        holds="Right for standard support. The month is 730 h here and 720 h in the guide's other sums.",
        source="AWS Containers Blog, EKS extended support pricing",
    ),
    Claim(
        id="A20",
        lines="1232",
        subjects=(CLUSTERS,),
        says="Clusters of developers that are off at night and at weekends save 70 %.",
        unit="%",
        said=0.70,
        today=lambda: {"on for 10 h on 5 days": _off_hours(10, 5), "on for 12 h on 5 days": _off_hours(12, 5)},
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="Of the nodes' cost. A control plane of EKS cannot be stopped, only deleted and made again.",
        source="computed",
    ),
    Claim(
        id="A21",
        lines="1171",
        subjects=(MULTI_REGION,),
        says="Global Accelerator is USD 0.025 an hour, about USD 18 a month, and USD 0.005 a GB.",
        unit="USD",
        said=18,
        own=lambda: {"0.025 × 720 h": 0.025 * 720},
        today=lambda: {
            "at the dated price, 720 h": PRICES["global accelerator"].usd * THIRTY_DAYS_HOURS,
            "730 h": PRICES["global accelerator"].usd * MONTH_HOURS,
        },
        judged=(Verdict.WRONG,),
        holds="The hourly fee is right, the one for data is not. It depends on where the data come from and go to: "
        "AWS's list begins at USD 0.010 a GB, and has 0.015 within North America.",
        source="aws.amazon.com/global-accelerator/pricing (documented)",
    ),
    Claim(
        id="A22",
        lines="442, 1387",
        subjects=(FARGATE_EC2,),
        says="Fargate costs about 3 times EC2 on demand for the same resources.",
        unit="times",
        said=3,
        today=_premium,
        holds="About a fifth more than a full instance. Three times comes out only against Spot, or where many tasks "
        "share an instance's CPU and reserve little of it.",
        source=f"computed; {_FARGATE}; {_EC2}",
    ),
    Claim(
        id="A23",
        lines="532, 1379, 1386, 1413",
        subjects=(CONTROL_PLANES,),
        says="Karpenter saves 10 to 30 %, capacity providers 40 to 60 %.",
        judged=(Verdict.UNVERIFIABLE,),
        holds="It depends on the workload. No source is given and none was found.",
        source="none",
    ),
    Claim(
        id="A24",
        lines="39, 536, 1267, 1393–1394, 1422",
        subjects=(NEED,),
        says="Without tracing a fault takes hours instead of minutes; a mesh pays from 20 services on and not below "
        "10; Karpenter is for more than 50 nodes.",
        judged=(Verdict.UNVERIFIABLE,),
        holds="Rules of thumb. No source is given and none was found.",
        source="none",
    ),
    Claim(
        id="A100",
        lines="1254",
        subjects=(FARGATE_EC2,),
        says="A task starts in about 30 s on Fargate and in about 5 s on EC2 with a warm pool.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="A warm pool holds instances, which take tens of seconds. Seconds are what a task needs on an instance "
        "that runs already and has the image. Fargate is commonly seen to take 20 to 60 s; not verified.",
        source="not verified for this edition",
    ),
    Claim(
        id="B38",
        lines="762",
        subjects=(FARGATE_EC2,),
        says="Fargate scales faster.",
        judged=(Verdict.OVERSIMPLIFIED, Verdict.INCONSISTENT),
        holds="No instance has to be added first. Each start attaches a network interface and pulls the image, of "
        "which Fargate keeps no copy. Guide A says the opposite (A100).",
        source="ECS Developer Guide (documented)",
    ),
    Claim(
        id="B39",
        lines="771–772",
        subjects=(FARGATE_EC2,),
        says="10 vCPU and 20 GB on Fargate are about USD 450 in 730 h.",
        unit="USD",
        said=450,
        today=lambda: {
            "x86_64": _ten(),
            "arm64": _ten("arm64"),
            "Fargate Spot at 70 % off, the most": _ten() * (1 - 0.70),
        },
        holds="A quarter more than it is.",
        source=f"computed; {_FARGATE}",
    ),
    Claim(
        id="B40",
        lines="771, 773",
        subjects=(FARGATE_EC2,),
        says="The same on m5.xlarge is about USD 280.",
        unit="USD",
        said=280,
        today=_xlarges,
        holds="USD 280 is the price of two, and two do not hold 10 vCPU.",
        source=f"computed; {_EC2}",
    ),
    Claim(
        id="B41",
        lines="771, 774",
        subjects=(FARGATE_EC2,),
        says="The same on EC2 Spot is about USD 120.",
        unit="%",
        today=_spot_discounts,
        judged=(Verdict.UNVERIFIABLE,),
        holds="Whether Spot is that far off depends on the day.",
        source="computed",
    ),
    Claim(
        id="B53",
        lines="44, 768",
        subjects=(FARGATE_EC2,),
        says="GPUs are there on EC2 only.",
        judged=(Verdict.RIGHT,),
        holds="Fargate has none. ECS Managed Instances has them, too: instances of yours that AWS runs.",
        source="botocore 1.44.5, ECS API (documented)",
    ),
)
