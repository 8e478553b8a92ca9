"""What keeps a service from where its tasks run: Spot capacity that AWS takes back, a network ACL of its subnets."""

from __future__ import annotations

from drydock.policy.diagnosis import mends
from drydock.policy.diagnosis.facts import Facts
from drydock.policy.diagnosis.findings import Cause, Finding, many, short

SPOT = "FARGATE_SPOT"


def spot(facts: Facts) -> list[Finding]:
    """Tasks of a service with Spot capacity alone that were interrupted. They count whether or not they are replaced:
    nothing keeps the next interruption from taking all of them."""
    primary = facts.primary.id if facts.primary else ""
    taken = [one for one in facts.stopped if one.stop_code == "SpotInterruption" and one.deployment == primary]
    if not taken or set(facts.providers) != {SPOT}:
        return []
    last = max(taken, key=lambda task: task.stopped_at)
    short_of = [message for message in facts.news if "capacity is unavailable" in message.lower()]
    news = f" Newest event of its placement: {short(short_of[0])}." if short_of else ""
    evidence = (
        f"{many(len(taken), 'task')} of the current deployment stopped with SpotInterruption, the last one: "
        f"{short(last.reason)}. Its capacityProviderStrategy has {SPOT} alone; {facts.running_count} of "
        f"{many(facts.desired_count, 'task')} run.{news}"
    )
    return [Finding(Cause.SPOT_TAKEN, evidence, mends.ON_DEMAND)]


def shut_off(facts: Facts) -> list[Finding]:
    """Subnets that a network ACL shuts off."""
    if not facts.shut:
        return []
    told = ", ".join(f"{subnet} (`{acl}`)" for subnet, acl in sorted(facts.shut.items()))
    ports = f" at {' or '.join(map(str, facts.ports))}" if facts.ports else ""
    evidence = (
        f"Its network ACL lets no calls{ports} in from the other subnets of the service, or no answers out: {told}. "
        f"{len(facts.shut)} of its {many(len(facts.subnets), 'subnet')}; {facts.running_count} of "
        f"{many(facts.desired_count, 'task')} run."
    )
    mend = (
        "`ec2.describe_network_acls` has its entries: the first that matches decides, and they know no connection, so "
        "what answers has to be let out, too (ports 1024 to 65535). `ec2.replace_network_acl_entry`, "
        "`ec2.delete_network_acl_entry`, or `ec2.replace_network_acl_association` with the ACL that the subnet had. "
        "Until then the service can do without: `ecs.update_service(networkConfiguration=…)` with the other subnets."
    )
    return [Finding(Cause.SHUT_OFF, evidence, mend)]
