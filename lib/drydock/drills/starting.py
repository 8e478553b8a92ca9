"""Drills on tasks that do not come up, or do not stay."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from drydock.drills.drill import Drill
from drydock.drills.site import PRODUCTION, Site
from drydock.prep.practicals.practical import Seen

STOPS_FIRST = {"minimumHealthyPercent": 0, "maximumPercent": 101}
"""Of two tasks no third may be: the old ones stop before new ones start."""


def _two(site: Site) -> None:
    site.serve(2)


def _first(site: Site, words: str) -> str:
    """The first reason of a failed task that has these words."""
    return next((reason for reason in site.reasons() if words in reason), "")


def _id(task: Mapping[str, Any]) -> str:
    return str(task["taskArn"].rsplit("/", 1)[-1])


def _stop_one(site: Site) -> None:
    """As when the host of a task is retired: the service needs another."""
    site.ecs.stop_task(cluster=PRODUCTION, task=site.tasks()[0]["taskArn"], reason="host retired")


# -- a program that ends


def _bad_setting(site: Site) -> None:
    definition = site.register({"VERSION": "v2", "LATENCY_MS": "none"})
    site.update(taskDefinition=definition, deploymentConfiguration=STOPS_FIRST)


def _exits(site: Site) -> str:
    said = site.lines()
    for task in site.failed():
        lines = said.get(_id(task), [])
        for one in task["containers"]:
            if task.get("stopCode") == "EssentialContainerExited" and lines and "bad setting" in lines[-1]:
                return f"{one['name']} exited with {one.get('exitCode')}. {lines[-1]}"
    return ""


def _without_it(site: Site) -> None:
    site.update(taskDefinition=site.register({"VERSION": "v2", "LATENCY_MS": "0"}))


def _is_v2(site: Site) -> Sequence[Seen]:
    given = {one["name"]: one["value"] for one in site.container().get("environment", ())}
    version = given.get("VERSION", "none")
    return [Seen("It is the new version, v2", version == "v2", f"VERSION is {version}")]


CRASH_LOOP = Drill(
    name="drydock-checkout",
    title="Checkout is down since the release",
    symptoms="v2 of `checkout` was released this morning. Since then every customer gets 503. v1 cannot come back: the "
    "payments provider has stopped answering it. Two tasks have to serve v2.",
    fault="crash-loop",
    cause="The new revision gives the program a setting that it cannot read, LATENCY_MS=none: it says so in its log "
    "and exits with 2, and ECS starts the next one. Its stopped tasks have the stopCode "
    "EssentialContainerExited and the exit code.",
    tasks=2,
    lay=_two,
    put=_bad_setting,
    shows=lambda site: bool(_exits(site)) and site.healthy() == 0,
    find=_exits,
    mend=_without_it,
    look=_is_v2,
)


# -- a question that has no answer


def _asked_for(site: Site, path: str) -> None:
    elbv2 = site.cloud.client("elbv2")
    group = site.target_group()["TargetGroupArn"]
    elbv2.modify_target_group(TargetGroupArn=group, HealthCheckPath=path, Matcher={"HttpCode": "200"})


def _mismatch(site: Site) -> str:
    failing = [one["TargetHealth"] for one in site.targets() if one["TargetHealth"]["State"] == "unhealthy"]
    told = next((one["Description"] for one in failing if one.get("Reason") == "Target.ResponseCodeMismatch"), "")
    told = told or _first(site, "failed with these codes")
    path = site.target_group()["HealthCheckPath"]
    return f"{told}: the load balancer asks for {path}" if told and path != "/health" else ""


def _asks_still(site: Site) -> Sequence[Seen]:
    group = site.target_group()
    codes = group["Matcher"]["HttpCode"]
    return [Seen("A target is healthy only if it answers 200", codes == "200", f"it has to answer {codes}")]


HEALTH_CHECK = Drill(
    name="drydock-wishlists",
    title="Wish lists are forgotten again and again",
    symptoms="Customers of `wishlists` are answered, yet what they wish is gone a minute later: no task lives long. It "
    "began when somebody tidied up the network settings. Nobody released anything.",
    fault="failing-health-check",
    cause="The target group asks for /healthz, which the program does not have. It answers 404, so no target is "
    "healthy (Target.ResponseCodeMismatch), and ECS replaces each task. A load balancer whose targets are all "
    "unhealthy sends requests to all of them: that is why customers are answered.",
    tasks=2,
    lay=_two,
    put=lambda site: _asked_for(site, "/healthz"),
    shows=lambda site: bool(_mismatch(site)) and bool(site.failed()),
    find=_mismatch,
    mend=lambda site: _asked_for(site, "/health"),
    look=_asks_still,
)


# -- a program that takes its time

WARM_UP = 180
"""AWS seconds until the program listens."""
READING = "reading the price list"
_GRACE = 2 * WARM_UP


def _warms_up(site: Site) -> None:
    seconds = WARM_UP / site.cloud.speed
    program = (
        f"import runpy, time; print('{READING}', flush=True); "
        f"time.sleep({seconds:g}); runpy.run_path('backend.py', run_name='__main__')"
    )
    definition = site.register(command=["-c", program])
    site.update(taskDefinition=definition, deploymentConfiguration=STOPS_FIRST)


def _cut_short(site: Site) -> str:
    service, said = site.service(), site.lines()
    grace = service.get("healthCheckGracePeriodSeconds", 0) if service else WARM_UP
    for task in site.failed():
        if (
            "health checks" in task.get("stoppedReason", "")
            and said.get(_id(task), [])[:1] == [READING]
            and grace < WARM_UP
        ):
            return f"{task['stoppedReason']}. It began with {READING}; healthCheckGracePeriodSeconds is {grace}"
    return ""


def _warms_up_still(site: Site) -> Sequence[Seen]:
    reads = "price list" in " ".join(site.container().get("command", ()))
    return [Seen("It is v2, with this year's prices", reads, "it is" if reads else "its program is another")]


SLOW_START = Drill(
    name="drydock-prices",
    title="No task of the price service gets to work",
    symptoms="v2 of `prices` was released at noon. Since then nobody has been answered. There is no error in its log, "
    "and tasks keep coming. v1 cannot come back: it has last year's prices.",
    fault="slow-start",
    cause="v2 reads its price list for three minutes before it listens, and healthCheckGracePeriodSeconds is 0: the "
    "load balancer's first checks fail, and ECS stops each task before it is ready. In the log of a stopped task is "
    "what it did at its start, and when.",
    tasks=2,
    lay=_two,
    put=_warms_up,
    shows=lambda site: bool(_cut_short(site)) and site.healthy() == 0,
    find=_cut_short,
    mend=lambda site: site.update(healthCheckGracePeriodSeconds=_GRACE),
    look=_warms_up_still,
)


# -- an image that is no more


def _two_releases(site: Site) -> None:
    """v1 and v2: the same layers, and two manifests."""
    site.register()
    ecr, name = site.cloud.client("ecr"), f"{PRODUCTION}/{site.name}"
    found = ecr.batch_get_image(repositoryName=name, imageIds=[{"imageTag": "v1"}])["images"][0]
    manifest = json.loads(found["imageManifest"]) | {"annotations": {"org.opencontainers.image.version": "v2"}}
    kind = {"imageManifestMediaType": found["imageManifestMediaType"]}
    ecr.put_image(repositoryName=name, imageManifest=json.dumps(manifest), imageTag="v2", **kind)
    site.serve(2, definition=site.register(tag="v2"))


def _deleted(site: Site) -> None:
    ecr, name = site.cloud.client("ecr"), f"{PRODUCTION}/{site.name}"
    [image] = ecr.describe_images(repositoryName=name, imageIds=[{"imageTag": "v2"}])["imageDetails"]
    ecr.batch_delete_image(repositoryName=name, imageIds=[{"imageDigest": image["imageDigest"]}])
    _stop_one(site)


IMAGE_GONE = Drill(
    name="drydock-invoices",
    title="One task short since a host was retired",
    symptoms="AWS retired the host of a task of `invoices` at night. Since then one task of two serves, and it gets "
    "late with what it has to do. Nobody released anything. Either of the last two releases will do.",
    fault="image-gone",
    cause="Somebody deleted the image v2 from the repository. Tasks that ran went on; one that starts cannot pull "
    "it: CannotPullContainerError, not found. v1 is still there.",
    tasks=2,
    lay=_two_releases,
    put=_deleted,
    shows=lambda site: bool(_first(site, "CannotPullContainerError")),
    find=lambda site: _first(site, "CannotPullContainerError"),
    mend=lambda site: site.update(taskDefinition=site.register()),
)


# -- a secret that is no more


KEY = "of the drill alone"


def _key(site: Site) -> str:
    return f"drydock/{site.name}"


def _with_a_secret(site: Site) -> None:
    made = site.cloud.client("secretsmanager").create_secret(Name=_key(site), SecretString=KEY)
    site.serve(2, definition=site.register(secrets=[{"name": "APP_SECRET", "valueFrom": made["ARN"]}]))


def _secret_deleted(site: Site) -> None:
    site.cloud.client("secretsmanager").delete_secret(SecretId=_key(site), RecoveryWindowInDays=7)
    _stop_one(site)


def _read(site: Site, place: str) -> str:
    """What a task that starts now gets from there, the valueFrom of a secret; "" where that is nothing.

    place   ARN of a secret, with or without a key of its JSON; or name or ARN of a parameter
    """
    try:
        if ":secretsmanager:" not in place:
            return str(site.cloud.client("ssm").get_parameter(Name=place, WithDecryption=True)["Parameter"]["Value"])
        secret, key = ":".join(place.split(":")[:7]), "".join(place.split(":")[7:8])
        said = str(site.cloud.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])
        return str(json.loads(said)[key]) if key else said
    except (ClientError, ValueError, KeyError, TypeError):
        return ""


def _has_its_secret(site: Site) -> Sequence[Seen]:
    given: list[dict[str, Any]] = site.container().get("secrets", [])
    place = next((one["valueFrom"] for one in given if one["name"] == "APP_SECRET"), "")
    same = bool(place) and _read(site, place) == KEY
    wanted = "A task that starts gets APP_SECRET from where secrets are kept, the same as before"
    return [Seen(wanted, same, "it does" if same else "it would not")]


SECRET_GONE = Drill(
    name="drydock-vouchers",
    title="A task that was lost is not replaced",
    symptoms="One of the two tasks of `vouchers` was lost at night, and none has come in its place. The other still "
    "accepts vouchers, which it signs with a key. The key may not change: vouchers that are sold would be "
    "void.",
    fault="secret-gone",
    cause="The secret that holds the key was deleted, with a week to recover it. ECS reads it when a task starts: "
    "ResourceInitializationError. A task that runs has its copy. RestoreSecret brings it back as it was.",
    tasks=2,
    lay=_with_a_secret,
    put=_secret_deleted,
    shows=lambda site: bool(_first(site, "unable to retrieve secret")),
    find=lambda site: _first(site, "unable to retrieve secret"),
    mend=lambda site: site.cloud.client("secretsmanager").restore_secret(SecretId=_key(site)),
    look=_has_its_secret,
)

DRILLS = (CRASH_LOOP, HEALTH_CHECK, SLOW_START, IMAGE_GONE, SECRET_GONE)
