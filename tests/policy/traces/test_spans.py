"""Expected values are those of OpenTelemetry's Collector, awsxrayexporter/internal/translator: segment_test.go,
http_test.go, cause_test.go and aws_test.go; a test here has theirs in its docstring."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drydock.policy.traces import segments
from drydock.policy.traces.spans import MOST_SPANS, Malformed, Rejected, documents, taken

NOW = 1_700_000_000.0
RESOURCE = {"service.name": "signup_aggregator", "service.version": "semver:1.1.4", "cloud.provider": "aws"}
SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5


def value(given: Any) -> dict[str, Any]:
    if isinstance(given, bool):
        return {"boolValue": given}
    if isinstance(given, int):
        return {"intValue": str(given)}
    if isinstance(given, list):
        return {"arrayValue": {"values": [value(each) for each in given]}}
    return {"stringValue": given}


def attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": value(given)} for name, given in values.items()]


def span(kind: int = SERVER, about: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "traceId": "5759e988bd862e3fe1be46a994272793", "spanId": "53995c3f42cd8ad8", "parentSpanId": "defdfd9912dc5a56",
        "name": "/api/locations", "kind": kind, "startTimeUnixNano": str(int(NOW * 1e9)),
        "endTimeUnixNano": str(int((NOW + 0.5) * 1e9)), "attributes": attributes(about or {}), **fields,
    }  # fmt: skip


def segment(kind: int = SERVER, about: dict[str, Any] | None = None, resource: Any = RESOURCE, **fields: Any) -> Any:
    [made] = documents(span(kind, about, **fields), resource, "", NOW)
    segments.read(json.dumps(made))  # X-Ray would take it
    return made


def test_ids_and_times():
    made = segment()
    assert (made["trace_id"], made["id"]) == ("1-5759e988-bd862e3fe1be46a994272793", "53995c3f42cd8ad8")
    assert (made["start_time"], made["end_time"]) == (NOW, NOW + 0.5)
    assert made["parent_id"] == "defdfd9912dc5a56"


@pytest.mark.parametrize(
    ("kind", "about", "name", "namespace"),
    [
        (CLIENT, {"rpc.system": "aws-api", "rpc.service": "DynamoDB", "rpc.method": "GetItem"}, "DynamoDB", "aws"),
        (CLIENT, {"aws.service": "DynamoDB", "aws.operation": "GetItem"}, "DynamoDB", "aws"),
        (CLIENT, {"peer.service": "cats-table", "aws.service": "DynamoDB"}, "cats-table", "remote"),
        (CLIENT, {"db.name": "customers", "db.connection_string": "mysql://db.dev.example.com:3306"},
         "customers@db.dev.example.com", "remote"),
        (CLIENT, {"http.host": "foo.com", "net.peer.name": "bar.com"}, "foo.com", "remote"),
        (CLIENT, {"net.peer.name": "bar.com"}, "bar.com", "remote"),
        (CLIENT, {"rpc.service": "com.foo.AnimalService", "net.peer.name": "bar.com"},
         "com.foo.AnimalService", "remote"),
        (CLIENT, {"aws.remote.service": "PaymentService"}, "PaymentService", "remote"),
        (SERVER, {}, "signup_aggregator", ""),
        (SERVER, {"aws.local.service": "signup"}, "signup", ""),
        (1, {}, "/api/locations", ""),
    ],
)  # fmt: skip
def test_names_and_namespaces(kind, about, name, namespace):
    """TestClientSpanWith…, TestServerSpan…"""
    made = segment(kind, about)
    assert (made["name"], made.get("namespace", "")) == (name, namespace)


@pytest.mark.parametrize(
    ("kind", "parent", "is_below"),
    [(SERVER, "defdfd9912dc5a56", False), (CLIENT, "defdfd9912dc5a56", True), (PRODUCER, "", False)],
)
def test_only_what_has_a_parent_and_serves_nobody_is_a_subsegment(kind, parent, is_below):
    """TestSpanNoParentId, TestServerSpanNoParentId"""
    made = segment(kind, parentSpanId=parent)
    assert (made.get("type") == "subsegment", made.get("parent_id", "")) == (is_below, parent)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("EP @ test_15.testing-d\u00f6main.org#GO", "EP @ test_15.testing-d\u00f6main.org#GO"),
        ("<subDomain>.example.com", "subDomain.example.com"),
        ("<>", "span"),
    ],
)
def test_names_are_cleaned(given, name):
    """TestFixSegmentName"""
    assert segment(1, name=given)["name"] == name


@pytest.mark.parametrize(
    ("status", "code", "flags"),
    [
        (500, 2, {"fault"}),
        (429, 2, {"error", "throttle"}),
        (404, 0, {"error"}),
        ("404", 0, {"error"}),  # as Envoy says it; this one is not the Collector's
        (200, 2, {"fault"}),
        (None, 2, {"fault"}),
        (None, 1, set()),
    ],
)
@pytest.mark.parametrize("name", ["http.status_code", "http.response.status_code"])
def test_flags(status, code, flags, name):
    """cause_test.go: TestCauseWith…StatusCode; TestServerSpanWithThrottle, TestServerSpanWithInternalServerError"""
    made = segment(about={} if status is None else {name: status}, status={"code": code})
    assert {flag for flag in ("error", "fault", "throttle") if made.get(flag)} == flags


def test_an_exception_is_the_cause():
    """TestCauseWithExceptions, without the frames of its stack"""
    event = {"name": "exception", "attributes": attributes(
        {"exception.type": "java.lang.IllegalStateException", "exception.message": "bad state"})}  # fmt: skip
    made = segment(CLIENT, events=[event], status={"code": 2})
    [told] = made["cause"]["exceptions"]
    assert (told["type"], told["message"], told["remote"]) == ("java.lang.IllegalStateException", "bad state", True)
    assert segment(status={"code": 2, "message": "no"})["cause"]["exceptions"][0]["message"] == "no"
    assert "cause" not in segment(status={"code": 1, "message": "fine"})


@pytest.mark.parametrize(
    ("kind", "about", "url"),
    [
        (CLIENT, {"http.url": "https://api.example.com/users/junit"}, "https://api.example.com/users/junit"),
        (CLIENT, {"url.full": "https://api.example.com/users/junit"}, "https://api.example.com/users/junit"),
        (CLIENT, {"http.scheme": "https", "http.host": "api.example.com", "http.target": "/users/junit"},
         "https://api.example.com/users/junit"),
        (CLIENT, {"http.scheme": "http", "net.peer.name": "kb234.example.com", "net.peer.port": 8080,
                  "net.peer.ip": "10.8.17.36", "http.target": "/users/junit"},
         "http://kb234.example.com:8080/users/junit"),
        (CLIENT, {"http.scheme": "http", "net.peer.ip": "10.8.17.36", "net.peer.port": "8080",
                  "http.target": "/users/junit"}, "http://10.8.17.36:8080/users/junit"),
        (SERVER, {"url.scheme": "https", "server.address": "api.example.com", "url.path": "/users/junit"},
         "https://api.example.com/users/junit"),
        (SERVER, {"url.scheme": "https", "server.address": "api.example.com", "server.port": 443,
                  "url.path": "/users/junit"}, "https://api.example.com/users/junit"),
        (SERVER, {"http.scheme": "http", "host.name": "kb234.example.com", "net.host.port": 8080,
                  "http.target": "/users/junit"}, "http://kb234.example.com:8080/users/junit"),
        (SERVER, {"http.method": "GET", "http.scheme": "http", "http.target": "/users/junit", "net.host.port": 443},
         None),
    ],
)  # fmt: skip
def test_urls_of_both_generations_of_conventions(kind, about, url):
    """http_test.go: TestClientSpanWith…, TestServerSpanWith…, TestSpanWithNotEnoughHTTPRequestURLAttributes"""
    assert segment(kind, about).get("http", {}).get("request", {}).get("url") == url


@pytest.mark.parametrize(
    "about",
    [
        {"http.method": "GET", "http.client_ip": "1.2.3.4", "http.user_agent": "PostmanRuntime/7.21.0",
         "http.status_code": 200, "net.peer.ip": "10.8.17.36"},
        {"http.request.method": "GET", "client.address": "1.2.3.4", "user_agent.original": "PostmanRuntime/7.21.0",
         "http.response.status_code": 200, "network.peer.address": "10.8.17.36"},
    ],
)  # fmt: skip
def test_the_rest_of_http(about):
    """http_test.go: TestClientSpanWithHttpPeerAttributes(Stable)"""
    assert segment(about=about)["http"] == {
        "request": {"method": "GET", "user_agent": "PostmanRuntime/7.21.0", "client_ip": "1.2.3.4",
                    "x_forwarded_for": True},
        "response": {"status": 200},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("launch", "origin"), [("fargate", "AWS::ECS::Fargate"), ("ec2", "AWS::ECS::EC2"), (None, "AWS::ECS::Container")]
)
def test_where_a_task_runs(launch, origin):
    """TestOriginEcs…; aws_test.go: TestAwsFromEcsResource"""
    task = "arn:aws:ecs:us-west-2:123456789123:task/123"
    resource = {**RESOURCE, "cloud.platform": "aws_ecs", "aws.ecs.task.arn": task, "container.name": "signup",
                "cloud.availability_zone": "us-west-2a"}  # fmt: skip
    made = segment(resource=resource | ({"aws.ecs.launchtype": launch} if launch else {}))
    assert made["origin"] == origin
    assert made["aws"]["ecs"].items() >= {
        "task_arn": task, "container": "signup", "availability_zone": "us-west-2a",
    }.items()  # fmt: skip
    assert "origin" not in segment(resource={**resource, "cloud.provider": "gcp"})


def test_attributes_are_metadata_but_for_those_that_are_named_as_annotations():
    """TestSpanWithAttributesSegmentMetadata, TestSpanWithAnnotationsAttribute, TestFixAnnotationKey"""
    made = segment(
        about={
            "Key@1": "one", "other": 2, "aws.xray.annotations": ["Key@1"], "enduser.id": "alice",
            "aws.xray.metadata.default": '{"custom_key": "custom_value"}', "aws.xray.metadata.http": '{"a": 1}',
        }
    )  # fmt: skip
    assert made["annotations"] == {"Key_1": "one"}
    assert made["metadata"]["default"].items() >= {
        "other": 2, "custom_key": "custom_value", "otel.resource.service.name": "signup_aggregator",
    }.items()  # fmt: skip
    assert made["metadata"]["http"] == {"a": 1}
    assert made["user"] == "alice"


def test_a_call_with_which_a_service_begins_is_its_segment_and_a_subsegment():
    """TestLocalRootConsumer"""
    about = {"aws.span.kind": "LOCAL_ROOT", "aws.local.service": "myLocalService",
             "aws.remote.service": "myRemoteService", "http.method": "POST"}  # fmt: skip
    call, service = documents(span(CONSUMER, about), RESOURCE, "", NOW)
    assert (call["name"], call["type"], call["namespace"]) == ("myRemoteService", "subsegment", "remote")
    assert (service["name"], "type" in service, "http" in service) == ("myLocalService", False, False)
    assert call["parent_id"] == service["id"] and service["parent_id"] == "defdfd9912dc5a56"
    [server] = documents(span(SERVER, about), RESOURCE, "", NOW)
    assert (server["name"], "type" in server) == ("myLocalService", False)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"traceId": "0" * 32}, "traceId"),
        ({"spanId": "53995c3f42cd8a"}, "spanId"),
        ({"startTimeUnixNano": "soon"}, "startTimeUnixNano"),
        ({"startTimeUnixNano": "9" * 1000}, "startTimeUnixNano"),
        ({"endTimeUnixNano": "9" * 40}, "endTimeUnixNano"),
        ({"attributes": attributes({"aws.xray.metadata.a": '{"b": NaN}'})}, "not finite"),
        ({"startTimeUnixNano": str(int((NOW - 15 * 86400) * 1e9))}, "14 days"),
        ({"attributes": attributes({"text": "x" * 70_000})}, "64 kB"),
    ],
)
def test_a_span_that_is_not_taken(fields, says):
    with pytest.raises(Rejected, match=says):
        documents(span(**fields), RESOURCE, "", NOW)


def test_the_others_of_a_request_are_taken():
    """The limits are those of the CloudWatch user guide, "OTLP endpoints"."""
    group = {
        "resource": {"attributes": attributes({**RESOURCE, "cloud.region": "eu-west-1"})},
        "scopeSpans": [{"spans": [span(), span(traceId="none")]}],
    }
    found = taken({"resourceSpans": [group]}, NOW)
    assert (len(found.documents), found.rejected, found.region) == (1, 1, "eu-west-1")
    assert "traceId" in found.why
    with pytest.raises(Malformed, match=str(MOST_SPANS)):
        taken({"resourceSpans": [{"scopeSpans": [{"spans": [{}] * (MOST_SPANS + 1)}]}]}, NOW)


@pytest.mark.parametrize(
    "request_", [[], {"resourceSpans": {"spans": 1}}, {"resourceSpans": [{"scopeSpans": [{"spans": ["span"]}]}]},
                 {"resourceSpans": [{"scopeSpans": [{"spans": [span(attributes=[{"key": "a", "value": 1}])]}]}]},
                 {"resourceSpans": [{"scopeSpans": [{"spans": [
                     span(attributes=[{"key": "a", "value": {"intValue": float("inf")}}])]}]}]},
                 {"resourceSpans": [{"resource": {"attributes": [{"key": "a", "value": {"intValue": 2**63}}]},
                                     "scopeSpans": [{"spans": [span()]}]}]}]
)  # fmt: skip
def test_what_is_no_request_of_otlp(request_):
    with pytest.raises(Malformed):
        taken(request_, NOW)


def test_attributes_that_are_not_what_their_name_says_do_no_harm():
    odd = [
        *attributes({"http.status_code": "many", "http.url": 5, "db.name": "pets", "db.connection_string": "http://["}),
        {"key": "http.response.body.size", "value": {"arrayValue": {}}},
        {"key": "aws.xray.annotations", "value": {"arrayValue": {"values": [{"arrayValue": {}}]}}},
        {"key": "most", "value": {"doubleValue": "Infinity"}},
    ]
    [made] = documents(span(SERVER, attributes=odd), {}, "", NOW)
    assert (made["name"], made["http"]) == ("pets", {"request": {"url": "5"}})
    assert made["metadata"]["default"]["most"] == "inf"
