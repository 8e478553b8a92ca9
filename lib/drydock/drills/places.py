"""Drills on where tasks run: a subnet, a zone, Spot."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence

from drydock.drills.drill import Drill
from drydock.drills.site import PRODUCTION, Site
from drydock.embedded import spot
from drydock.ledger import remove
from drydock.prep.practicals.practical import Seen

# -- a subnet without addresses

_SMALL = 28
RESERVED = 4
"""Addresses at the start of a subnet that AWS keeps; so it does the last."""

_unable = re.compile("unable to (place|start) a task")


def _in_a_small_subnet(site: Site) -> None:
    site.serve(2, subnets=[site.subnet(f"{site.name}-a", "a", 128, _SMALL)])


def _own_subnet(site: Site) -> str:
    service = site.service()
    return str(service["networkConfiguration"]["awsvpcConfiguration"]["subnets"][0]) if service else ""


def _filled(site: Site) -> None:
    ec2, subnet = site.cloud.client("ec2"), _own_subnet(site)
    [found] = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"]
    inside = [{"Name": "subnet-id", "Values": [subnet]}]
    there = ec2.describe_network_interfaces(Filters=inside)["NetworkInterfaces"]
    used = {one["PrivateIpAddress"] for one in there}
    block = list(map(str, ipaddress.ip_network(found["CidrBlock"])))
    for address in block[RESERVED:-1]:
        if address not in used:
            ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress=address, Description="batch import")
    site.update(desiredCount=4)


def _no_address(site: Site) -> str:
    subnet = _own_subnet(site)
    if not subnet:
        return ""
    [found] = site.cloud.client("ec2").describe_subnets(SubnetIds=[subnet])["Subnets"]
    free, said = found["AvailableIpAddressCount"], next((one for one in site.events() if _unable.search(one)), "")
    return f"{said}. {subnet} has {free} free addresses" if free == 0 and said else ""


def _emptied(site: Site) -> None:
    ec2 = site.cloud.client("ec2")
    inside = [{"Name": "subnet-id", "Values": [_own_subnet(site)]}, {"Name": "status", "Values": ["available"]}]
    for one in ec2.describe_network_interfaces(Filters=inside)["NetworkInterfaces"]:
        ec2.delete_network_interface(NetworkInterfaceId=one["NetworkInterfaceId"])


SUBNET_FULL = Drill(
    name="drydock-stock",
    title="It was to grow for the sale, and did not",
    symptoms="The sale begins in an hour. `stock` was told to run four tasks instead of two, and still runs two.",
    fault="subnet-full",
    cause="Its subnet is a /28 with 11 addresses for use, and network interfaces that a batch import left behind "
    "have those that its tasks do not have. A task needs an address of its own: the service's events say that "
    "none is free. Interfaces that nothing uses can be deleted; a second subnet helps, too.",
    tasks=4,
    lay=_in_a_small_subnet,
    put=_filled,
    shows=lambda site: bool(_no_address(site)),
    find=_no_address,
    mend=_emptied,
)


# -- a zone that nothing reaches


def _over_three_zones(site: Site) -> None:
    site.serve(3)


def _cut_off(site: Site) -> None:
    """The subnet of the first zone gets an ACL with no entries: it denies all."""
    ec2, subnet = site.cloud.client("ec2"), next(iter(site.zones()))
    acl = ec2.create_network_acl(VpcId=site.vpc)["NetworkAcl"]["NetworkAclId"]
    of_it = [{"Name": "association.subnet-id", "Values": [subnet]}]
    [before] = ec2.describe_network_acls(Filters=of_it)["NetworkAcls"]
    [association] = [one for one in before["Associations"] if one["SubnetId"] == subnet]
    ec2.replace_network_acl_association(AssociationId=association["NetworkAclAssociationId"], NetworkAclId=acl)


def _closed(site: Site, subnets: Iterable[str]) -> dict[str, str]:
    """Those of the subnets whose network ACL lets nothing in, and the ACL of each."""
    of_them = [{"Name": "association.subnet-id", "Values": list(subnets)}]
    return {
        association["SubnetId"]: acl["NetworkAclId"]
        for acl in site.cloud.client("ec2").describe_network_acls(Filters=of_them)["NetworkAcls"]
        if not any(one["RuleAction"] == "allow" and not one["Egress"] for one in acl["Entries"])
        for association in acl["Associations"]
    }


def _dead_zones(site: Site) -> list[str]:
    """The subnets of the service that nothing reaches."""
    service = site.service()
    if service is None:
        return []
    subnets = service["networkConfiguration"]["awsvpcConfiguration"]["subnets"]
    closed = _closed(site, subnets)
    return [one for one in subnets if one in closed]


def _opened(site: Site) -> None:
    if not site.vpcs(PRODUCTION):
        return
    for acl in set(_closed(site, site.zones()).values()):
        remove(site.cloud, "network ACL", acl)


def _lost(site: Site) -> str:
    dead = _dead_zones(site)
    if not dead:
        return ""
    return f"The network ACL of {dead[0]} in {site.zones().get(dead[0], '?')} lets nothing in"


def _reached(site: Site) -> Sequence[Seen]:
    dead = _dead_zones(site)
    return [Seen("A task serves wherever ECS may place it", not dead, "not everywhere" if dead else "it does")]


def _evacuated(site: Site) -> None:
    service, dead = site.service(), _dead_zones(site)
    assert service is not None
    network = service["networkConfiguration"]["awsvpcConfiguration"]
    left = [one for one in network["subnets"] if one not in dead]
    site.update(networkConfiguration={"awsvpcConfiguration": {**network, "subnets": left}}, forceNewDeployment=True)


ZONE_DOWN = Drill(
    name="drydock-delivery",
    title="A third of the tasks never gets to work",
    symptoms="Since a quarter past, one of three tasks of `delivery` has been replaced over and over, and some "
    "requests time out. The other two are well. AWS's status page says nothing. Three tasks have to serve.",
    fault="zone-down",
    cause="Nothing gets into or out of one Availability Zone: the network ACL of its subnet has no entry that allows "
    "anything, which stands here for a zone that is lost. Targets in it time out, and ECS, which spreads tasks "
    "over zones, starts the next one there. Leave the zone (subnets of the service), or give the subnet its "
    "ACL back.",
    tasks=3,
    lay=_over_three_zones,
    put=_cut_off,
    shows=lambda site: bool(_dead_zones(site)) and site.healthy() < 3,
    find=_lost,
    mend=_evacuated,
    look=_reached,
    clear=_opened,
)


# -- Spot without capacity


def _on_spot(site: Site) -> None:
    site.serve(4, capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}])


def _wave(site: Site) -> None:
    assert site.cloud.endpoint is not None
    spot.dry(site.cloud.endpoint, True)
    spot.interrupt(site.cloud.endpoint, cluster=site.cluster, service=site.name, percent=75, region=site.cloud.region)


def _over(site: Site) -> None:
    assert site.cloud.endpoint is not None
    spot.dry(site.cloud.endpoint, False)


def _taken_back(site: Site) -> str:
    taken = sum(one.get("stopCode") == "SpotInterruption" for one in site.ended())
    said = next((one for one in site.events() if "apacity is unavailable" in one), "")
    return f"{taken} tasks were stopped by SpotInterruption. {said}" if taken and said else ""


def _on_demand(site: Site) -> None:
    site.update(
        capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
        forceNewDeployment=True,
    )


SPOT_WAVE = Drill(
    name="drydock-ratings",
    title="Three of four tasks went within minutes",
    symptoms="`ratings` ran four tasks. Three of them ended within two minutes, in good health, and no others came. "
    "One task now has the load of four.",
    fault="spot-wave",
    cause="All its tasks were on FARGATE_SPOT. AWS took three back (stopCode SpotInterruption) and has no Spot "
    "capacity for others, as the service's events say. Nothing falls back to FARGATE by itself: the capacity "
    "provider strategy has to name it.",
    tasks=4,
    lay=_on_spot,
    put=_wave,
    shows=lambda site: bool(_taken_back(site)),
    find=_taken_back,
    mend=_on_demand,
    clear=_over,
    needs="Fargate Spot that takes tasks back when it is told to",
)

DRILLS = (SUBNET_FULL, ZONE_DOWN, SPOT_WAVE)
