"""Revisions of applications: AppSpec files, in a request or in S3."""

from __future__ import annotations

from drydock.embedded.services.codedeploy import views
from drydock.embedded.services.codedeploy.operations.shape import SMALL_BATCH, batch, page
from drydock.embedded.services.codedeploy.state import CodeDeployState, Document, Revision, digest, key_of, member
from drydock.embedded.workload.objects import NoBucket, content
from drydock.policy.requests.errors import Invalid


def register_application_revision(backend: CodeDeployState, request: Document) -> Document:
    application = backend.application(request["applicationName"]).name
    location, text = located(backend, application, request["revision"])
    registered(backend, application, location, text).description = request.get("description") or ""
    backend.keep(backend.revisions[application, key_of(location)])
    return {}


def get_application_revision(backend: CodeDeployState, request: Document) -> Document:
    application = backend.application(request["applicationName"]).name
    one = revision(backend, application, request["revision"])
    return {
        "applicationName": application,
        "revision": views.with_content(one),
        "revisionInfo": views.revision_info(one),
    }


def batch_get_application_revisions(backend: CodeDeployState, request: Document) -> Document:
    application = backend.application(request["applicationName"]).name
    found, missing = [], ""
    for each in batch(request["revisions"], SMALL_BATCH):
        try:
            one = revision(backend, application, each)
        except Invalid as refused:
            missing = refused.message
            continue
        shown, info = views.with_content(one), views.revision_info(one)
        found.append({"revisionLocation": shown, "genericRevisionInfo": info})
    told = {"errorMessage": missing} if missing else {}
    return {"applicationName": application, "revisions": found, **told}


def list_application_revisions(backend: CodeDeployState, request: Document) -> Document:
    application = backend.application(request["applicationName"]).name
    bucket, prefix = request.get("s3Bucket"), request.get("s3KeyPrefix")
    if prefix and not bucket:
        raise Invalid("BucketNameFilterRequiredException", "s3KeyPrefix needs s3Bucket.")
    deployed = request.get("deployed") or "ignore"
    targets = {
        key_of(last.revision)
        for group in backend.groups.values()
        if group.application == application
        and (last := backend.last_success(application, group.name)) is not None
        and last.revision
    }
    found = [
        one
        for one in backend.revisions.values()
        if one.application == application
        and (not bucket or one.location.get("s3Location", {}).get("bucket") == bucket)
        and (not prefix or one.location["s3Location"]["key"].startswith(prefix))
        and (deployed == "ignore" or (one.key in targets) == (deployed == "include"))
    ]
    by = {"registerTime": "registered", "firstUsedTime": "first_used", "lastUsedTime": "last_used"}
    if request.get("sortBy"):
        name = by[request["sortBy"]]
        found.sort(key=lambda one: getattr(one, name) or 0.0, reverse=request.get("sortOrder") == "descending")
    return page([views.revision(one.location) for one in found], request, "revisions")


def revision(backend: CodeDeployState, application: str, given: Document) -> Revision:
    """One that is registered. Invalid."""
    key = key_of(read_location(given))
    if (application, key) not in backend.revisions:
        raise Invalid("RevisionDoesNotExistException", f"No revision of {application} found for {key}")
    return backend.revisions[application, key]


def read_location(given: Document) -> Document:
    """Which revision is meant, with the sum of its content. Invalid."""
    kind = given.get("revisionType")
    if kind == "S3":
        return _in_s3(given.get("s3Location") or {})
    if kind not in ("String", "AppSpecContent"):
        raise Invalid(
            "InvalidRevisionException", f"The revision type {kind} is not one of AppSpecContent, String and S3."
        )
    part = given.get(member(kind)) or {}
    text, said = part.get("content"), part.get("sha256")
    if text is None and not said:
        raise Invalid("InvalidRevisionException", f"{member(kind)} needs content.")
    if text is not None and said and digest(text) != said:
        raise Invalid("InvalidRevisionException", f"The sha256 of {member(kind)} is not that of its content.")
    return {"revisionType": kind, member(kind): {"sha256": said if text is None else digest(text)}}


def _in_s3(given: Document) -> Document:
    bucket, key, kind = (given.get(name) for name in ("bucket", "key", "bundleType"))
    if not bucket or not key:
        raise Invalid("InvalidRevisionException", "s3Location needs bucket and key.")
    if kind not in ("YAML", "JSON"):
        raise Invalid("InvalidRevisionException", f"The bundleType of an AppSpec is YAML or JSON, not {kind}.")
    if given.get("version") or given.get("eTag"):
        raise Invalid(
            "InvalidRevisionException",
            "The embedded AWS reads the object as it is: leave version and eTag out of s3Location.",
        )
    return {"revisionType": "S3", "s3Location": {"bucket": bucket, "key": key, "bundleType": kind}}


def located(backend: CodeDeployState, application: str, given: Document) -> tuple[Document, str]:
    """Which revision is meant, and its AppSpec. Invalid."""
    location = read_location(given)
    kind = location["revisionType"]
    if kind != "S3":
        text = (given.get(member(kind)) or {}).get("content")
        return location, text if text is not None else revision(backend, application, given).content
    where = location["s3Location"]
    try:
        found = content(backend.host, where["bucket"], where["key"])
    except NoBucket:
        found = None
    if found is None:
        raise Invalid("InvalidRevisionException", f"There is no object {where['key']} in the bucket {where['bucket']}.")
    return location, found.decode(errors="replace")


def registered(backend: CodeDeployState, application: str, location: Document, text: str) -> Revision:
    key = key_of(location)
    one = backend.revisions.get((application, key))
    if one is None:
        one = Revision(application, key, location, text, backend.now())
    one.content = text
    backend.keep(one)
    return one


OPERATIONS = (
    register_application_revision,
    get_application_revision,
    batch_get_application_revisions,
    list_application_revisions,
)
