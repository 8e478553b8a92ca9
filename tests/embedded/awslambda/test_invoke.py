"""Functions of Python run, and answer as AWS's runtime does."""

from __future__ import annotations

import base64
import io
import json
import re
import stat
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.waiting import eventually

from drydock.embedded.assembly import AWS

from .conftest import Functions, package

pytestmark = pytest.mark.filterwarnings("ignore:SOCKS support")  # of urllib3's, when moto imports it

ALL = """
import logging, os, sys
from helper import twice

def handler(event, context):
    print("printed", event["n"])
    logging.getLogger("mine").warning("two\\nlines")
    print("an error", file=sys.stderr)
    return {
        "twice": twice(event["n"]),
        "variable": os.environ["MINE"],
        "names": [context.function_name, context.function_version, context.memory_limit_in_mb, os.environ["_HANDLER"]],
        "arn": context.invoked_function_arn,
        "id": context.aws_request_id,
        "log": [context.log_group_name, context.log_stream_name],
        "left": context.get_remaining_time_in_millis(),
        "region": os.environ["AWS_REGION"],
        "endpoint": os.environ["AWS_ENDPOINT_URL"],
        "user": os.environ.get("USER"),
        "input": sys.stdin.read(),
    }
"""


def test_a_function_has_what_aws_gives_it(functions: Functions, host: AWS) -> None:
    code = package(ALL, **{"helper.py": "def twice(n): return 2 * n"})
    functions.create("", Code={"ZipFile": code}, Environment={"Variables": {"MINE": "yes"}}, MemorySize=256, Timeout=30)
    answer, told = functions.call({"n": 21}, LogType="Tail")
    assert (answer["StatusCode"], answer.get("FunctionError"), answer["ExecutedVersion"]) == (200, None, "$LATEST")
    assert (told["twice"], told["variable"], told["user"], told["input"]) == (42, "yes", None, "")
    assert told["names"] == ["f", "$LATEST", "256", "f.handler"]
    assert told["arn"] == "arn:aws:lambda:us-east-1:000000000000:function:f"
    assert 0 < told["left"] <= 30_000
    assert (told["region"], told["endpoint"]) == ("us-east-1", host.endpoint)
    lines = functions.printed()
    assert told["log"][0] == "/aws/lambda/f" and re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\]\w{32}", told["log"][1])
    assert "without a sandbox" in lines[0]
    assert lines[1] == f"START RequestId: {told['id']} Version: $LATEST"
    assert "printed 21" in lines and "an error" in lines
    [logged] = [line for line in lines if line.startswith("[WARNING]")]
    assert logged.endswith(f"\t{told['id']}\ttwo\rlines")
    assert lines[-2] == f"END RequestId: {told['id']}"
    report = rf"REPORT RequestId: {told['id']}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB\t"
    assert re.match(report + r"Max Memory Used: \d+ MB\tInit Duration", lines[-1])
    assert base64.b64decode(answer["LogResult"]).decode().splitlines()[-1] == lines[-1]


def test_a_function_calls_aws_with_its_role(functions: Functions) -> None:
    functions.create(
        "import boto3\ndef handler(event, context): return boto3.client('sts').get_caller_identity()['Arn']", Timeout=60
    )
    _, arn = functions.call()
    assert arn == "arn:aws:sts::000000000000:assumed-role/r/f-"


def test_a_function_has_no_packages_but_those_of_awss_runtime(functions: Functions) -> None:
    functions.create("import jupyterlab")
    answer, error = functions.call()
    assert answer["FunctionError"] == "Unhandled"
    assert error["errorType"] == "Runtime.ImportModuleError"
    assert error["errorMessage"] == "Unable to import module 'f': No module named 'jupyterlab'"


BROKEN: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "an exception": (
        "def handler(event, context):\n    raise ValueError('boom')",
        {},
        {"errorType": "ValueError", "errorMessage": "boom",
         "stackTrace": ['  File "/var/task/f.py", line 2, in handler\n    raise ValueError(\'boom\')\n']},
    ),
    "no module": (
        "", {"Handler": "g.handler"},
        {"errorType": "Runtime.ImportModuleError", "errorMessage": "Unable to import module 'g': No module named 'g'"},
    ),
    "no function": (
        "", {}, {"errorType": "Runtime.HandlerNotFound", "errorMessage": "Handler 'handler' missing on module 'f'"},
    ),
    "no dot": ("", {"Handler": "f"}, {"errorType": "Runtime.MalformedHandlerName"}),
    "no Python": ("def handler(", {}, {"errorType": "Runtime.UserCodeSyntaxError"}),
    "a set": (
        "def handler(event, context): return {1}", {},
        {"errorType": "Runtime.MarshalError",
         "errorMessage": "Unable to marshal response: Object of type set is not JSON serializable"},
    ),
    "an exit": ("import os\ndef handler(event, context): os._exit(3)", {}, {"errorType": "Runtime.ExitError"}),
    "no UTF-8": (
        "def handler(event, context): raise RuntimeError('\\ud800')", {},
        {"errorType": "RuntimeError", "errorMessage": "\ud800"},
    ),
    "an error that cannot say what it is": (
        "class E(Exception):\n    def __str__(self): raise RuntimeError\ndef handler(event, context): raise E",
        {}, {"errorType": "E", "errorMessage": "<exception str() failed>"},
    ),
    "too much memory": (
        "import time\ndef handler(event, context):\n    kept = b'x' * (400 << 20)\n    time.sleep(60)", {"Timeout": 50},
        {"errorType": "Runtime.ExitError"},
    ),
    "too long an answer": (
        "def handler(event, context): return 'x' * 7000000", {"Timeout": 50, "MemorySize": 512},
        {"errorType": "Function.ResponseSizeTooLarge"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_what_fails_is_told_as_awss_runtime_tells_it(functions: Functions, kind: str) -> None:
    source, request, expected = BROKEN[kind]
    functions.create(source, **request)
    answer, error = functions.call({})
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert {name: error[name] for name in expected} == expected
    if expected["errorType"] == "ValueError":
        assert any(line.startswith("[ERROR] ValueError: boom\rTraceback") for line in functions.printed())


def test_a_function_that_never_ends_is_ended_and_holds_up_nobody(functions: Functions) -> None:
    source = "import time\ndef handler(event, context):\n    print('so far')\n    while True: time.sleep(1)"
    functions.create(source, Timeout=2)
    functions.create("def handler(event, context): return 1", FunctionName="quick", Timeout=60)
    found: list[Any] = []
    slow = threading.Thread(target=lambda: found.append(functions.call()))
    slow.start()
    assert functions.call(FunctionName="quick")[1] == 1
    assert functions.client.list_functions()["Functions"]
    slow.join(60)
    answer, error = found[0]
    assert answer["FunctionError"] == "Unhandled"
    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"].endswith("Error: Task timed out after 2.00 seconds")
    lines = functions.printed()
    assert "so far" in lines and lines[-1].endswith("Task timed out after 2.00 seconds")


def test_an_event_is_taken_at_once_and_tried_three_times(functions: Functions, host: AWS) -> None:
    functions.create("def handler(event, context):\n    print(event)\n    raise ValueError", Timeout=60)
    assert functions.call("again", InvocationType="Event")[0]["StatusCode"] == 202
    eventually(lambda: functions.printed().count("again") == 3)
    functions.client.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=0)
    functions.call("once", InvocationType="Event")
    eventually(lambda: "once" in functions.printed())
    assert "Invoke" not in {entry.operation for entry in host.journal.entries()}


def test_a_dry_run_runs_nothing(functions: Functions) -> None:
    functions.create("def handler(event, context): return 1")
    assert functions.client.invoke(FunctionName="f", InvocationType="DryRun")["StatusCode"] == 204
    assert functions.printed() == []


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"Payload": b"{"}, "InvalidRequestContentException"),
        ({"Payload": b'"' + b"x" * 6_300_000 + b'"'}, "RequestTooLargeException"),
        ({"Payload": b'"' + b"x" * 1_100_000 + b'"', "InvocationType": "Event"}, "RequestTooLargeException"),
        ({"FunctionName": "g"}, "ResourceNotFoundException"),
        ({"FunctionName": "g", "InvocationType": "DryRun"}, "ResourceNotFoundException"),
        ({"FunctionName": "../f"}, "ValidationException"),
        ({"FunctionName": "arn:aws:lambda:us-east-1:111122223333:function:f"}, "AccessDeniedException"),
        ({"FunctionName": "111122223333:function:f"}, "AccessDeniedException"),
        ({"FunctionName": "arn:aws:lambda:eu-west-1:000000000000:function:f"}, "ResourceNotFoundException"),
        ({"ClientContext": "no base 64"}, "InvalidRequestContentException"),
        ({"ClientContext": base64.b64encode(b"[1]").decode()}, "InvalidRequestContentException"),
    ],
)
def test_what_cannot_be_called_is_refused(functions: Functions, request_: dict[str, Any], code: str) -> None:
    functions.create("def handler(event, context): return 1")
    with pytest.raises(ClientError) as refused:
        functions.client.invoke(**{"FunctionName": "f", **request_})
    assert refused.value.response["Error"]["Code"] == code


def test_a_call_names_a_function_as_it_likes(functions: Functions) -> None:
    source = "import sys\ndef handler(event, context):\n    sys.stdout.close()\n    return context.invoked_function_arn"
    arn = functions.create(source)["FunctionArn"]
    for name in (arn, "000000000000:function:f", "000000000000:f", "function:f"):
        assert functions.call(FunctionName=name)[1] == arn
        assert functions.call(FunctionName=f"{name}:$LATEST")[1] == f"{arn}:$LATEST"


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({"FunctionName": "../f"}, "at 'functionName'"),
        ({"FunctionName": "f f"}, "at 'functionName'"),
        ({"FunctionName": "f" * 65}, "at 'functionName'"),
        ({"MemorySize": 10_241}, "less than or equal to 10240"),
        ({"Environment": {"Variables": {"A=B": "x"}}}, "Map keys must satisfy"),
        ({"Environment": {"Variables": {"_A": "x"}}}, "Map keys must satisfy"),
        ({"Environment": {"Variables": {"AB": "x\0y"}}}, "NUL"),
        ({"Environment": {"Variables": {"AB": "x" * 4096}}}, "exceeded the 4KB limit"),
    ],
)  # fmt: skip
def test_what_no_function_has_is_refused(functions: Functions, request_: dict[str, Any], why: str) -> None:
    with pytest.raises(ClientError, match=why):
        functions.create("def handler(event, context): return 1", **request_)
    assert functions.client.list_functions()["Functions"] == []


def test_an_alias_is_one_version(functions: Functions) -> None:
    functions.create("def handler(event, context): return 1", Publish=True)
    weights = {"AdditionalVersionWeights": {"2": 0.5}}
    client = functions.client
    with pytest.raises(ClientError, match="weights of an alias's versions"):
        client.create_alias(FunctionName="f", Name="prod", FunctionVersion="1", RoutingConfig=weights)
    client.create_alias(FunctionName="f", Name="prod", FunctionVersion="1", RoutingConfig={})
    with pytest.raises(ClientError, match="weights of an alias's versions"):
        client.update_alias(FunctionName="f", Name="prod", RoutingConfig=weights)
    assert functions.call(Qualifier="prod")[0]["ExecutedVersion"] == "1"


def test_reserved_concurrency_is_kept(functions: Functions) -> None:
    functions.create("def handler(event, context): return 1")
    functions.client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError) as refused:
        functions.call()
    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
    functions.client.delete_function_concurrency(FunctionName="f")
    assert functions.call(Qualifier="$LATEST")[1] == 1


def test_new_code_runs_and_a_version_keeps_its_own(functions: Functions, host: AWS) -> None:
    functions.create("def handler(event, context): return 'old'", Timeout=60)
    functions.client.publish_version(FunctionName="f")
    functions.client.update_function_code(
        FunctionName="f", ZipFile=package("def handler(event, context): return 'new'")
    )
    assert functions.call()[1] == "new"
    answer, told = functions.call(Qualifier="1")
    assert (told, answer["ExecutedVersion"]) == ("old", "1")
    functions.client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    functions.client.update_function_code(
        FunctionName="f", ZipFile=package("def handler(event, context): return context.invoked_function_arn")
    )
    functions.client.publish_version(FunctionName="f")
    arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
    functions.client.update_alias(FunctionName="f", Name="live", FunctionVersion="2")
    assert [functions.call(**asked)[1] for asked in ({}, {"Qualifier": "2"}, {"FunctionName": f"{arn}:live"})] == [
        arn, f"{arn}:2", f"{arn}:live",
    ]  # fmt: skip
    code = host.directory / "functions" / "code"
    eventually(lambda: len(list(code.iterdir())) == 2)
    functions.client.delete_function(FunctionName="f")
    eventually(lambda: not list(code.iterdir()))
    assert not list((host.directory / "functions" / "calls").iterdir())


def _link() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        link = zipfile.ZipInfo("f.py")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    return made.getvalue()


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (b"no zip", "Could not unzip uploaded file"),
        (package(**{"../out.py": ""}), "outside of its folder"),
        (package(**{"/etc/out.py": ""}), "outside of its folder"),
        (_link(), "links"),
        (package(**{"a/b": "", "a": ""}), "Could not unzip uploaded file"),
        (package(**{"a": "", "a/b": ""}), "Could not unzip uploaded file"),
        (package(**{".": ""}), "Could not unzip uploaded file"),
        (package(**{"x" * 300: ""}), "Could not unzip uploaded file"),
    ],
)
def test_a_package_that_cannot_be_unpacked_is_refused(functions: Functions, code: bytes, why: str) -> None:
    with pytest.raises(ClientError, match=why) as refused:
        functions.create("", Code={"ZipFile": code})
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"
    functions.create("def handler(event, context): return 1")
    with pytest.raises(ClientError, match=why):
        functions.client.update_function_code(FunctionName="f", ZipFile=code)
    assert functions.call()[1] == 1


def test_what_a_function_cannot_have_is_refused_by_its_name(functions: Functions) -> None:
    asked: list[dict[str, Any]] = [
        {"Runtime": "nodejs22.x"},
        {"PackageType": "Image", "Code": {"ImageUri": "i"}},
        {"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:l:1"]},
        {"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}},
        {"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:000000000000:q"}},
        {"TracingConfig": {"Mode": "Active"}},
        {"SnapStart": {"ApplyOn": "PublishedVersions"}},
        {"LoggingConfig": {"LogFormat": "JSON"}},
    ]
    for request in asked:
        with pytest.raises(ClientError, match="embedded AWS does not have") as refused:
            functions.create("", **request)
        assert refused.value.response["Error"]["Code"] == "NotImplemented"
    functions.create("def handler(event, context): return 1")
    for request in asked[2:]:
        with pytest.raises(ClientError, match="embedded AWS does not have"):
            functions.client.update_function_configuration(FunctionName="f", **request)
    client, arn = functions.client, "arn:aws:sqs:us-east-1:000000000000:q"
    for call in (
        lambda: client.create_event_source_mapping(FunctionName="f", EventSourceArn=arn),
        lambda: client.create_function_url_config(FunctionName="f", AuthType="NONE"),
        lambda: client.put_function_event_invoke_config(
            FunctionName="f", DestinationConfig={"OnFailure": {"Destination": arn}}
        ),
    ):
        with pytest.raises(ClientError, match="embedded AWS does not have"):
            call()
    with pytest.raises(ClientError, match="Reserved keys used in this request: AWS_REGION"):
        functions.create("", FunctionName="g", Environment={"Variables": {"AWS_REGION": "x"}})
    with pytest.raises(ClientError, match="less than or equal to 900"):
        functions.create("", FunctionName="g", Timeout=901)


def test_a_topic_calls_a_function(functions: Functions, client: Any) -> None:
    functions.create("import json\ndef handler(event, context): print(json.dumps(event['Records'][0]))", Timeout=60)
    arn = functions.client.get_function(FunctionName="f")["Configuration"]["FunctionArn"]
    sns = client("sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    subscription = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn, ReturnSubscriptionArn=True)
    sent = sns.publish(TopicArn=topic, Message="hello", Subject="s")
    [line] = eventually(lambda: [line for line in functions.printed() if line.startswith("{")])
    record = json.loads(line)
    assert (record["EventSource"], record["EventSubscriptionArn"]) == ("aws:sns", subscription["SubscriptionArn"])
    told = {key: record["Sns"][key] for key in ("Message", "Subject", "TopicArn", "MessageId")}
    assert told == {"Message": "hello", "Subject": "s", "TopicArn": topic, "MessageId": sent["MessageId"]}


def test_what_would_wait_for_a_function_is_refused(functions: Functions, client: Any) -> None:
    arn = functions.create("")["FunctionArn"]
    secrets, stacks = client("secretsmanager"), client("cloudformation")
    secrets.create_secret(Name="s", SecretString="x")
    with pytest.raises(ClientError, match="rotation by a function"):
        secrets.rotate_secret(SecretId="s", RotationLambdaARN=arn)
    made = {"Resources": {"R": {"Type": "Custom::Thing", "Properties": {"ServiceToken": arn}}}}
    with pytest.raises(ClientError, match="custom resources"):
        stacks.create_stack(StackName="s", TemplateBody=json.dumps(made))


def test_functions_end_with_the_cloud(functions: Functions, host: AWS) -> None:
    waits = "import os, time\ndef handler(event, context):\n    print(os.getpid(), flush=True)\n    time.sleep(800)"
    functions.create(waits, Timeout=900)
    functions.call(InvocationType="Event")
    [pid] = eventually(lambda: [line for line in functions.printed() if line.isdigit()])
    assert Path(f"/proc/{pid}").exists()
    host.close()
    assert not Path(f"/proc/{pid}").exists()


def test_code_may_be_in_a_bucket_or_in_a_template(functions: Functions, client: Any) -> None:
    s3, stacks = client("s3"), client("cloudformation")
    s3.create_bucket(Bucket="code")
    s3.put_object(Bucket="code", Key="f.zip", Body=package("def handler(event, context): return 'of the bucket'"))
    functions.create("", Code={"S3Bucket": "code", "S3Key": "f.zip"}, Timeout=60)
    assert functions.call()[1] == "of the bucket"
    with pytest.raises(ClientError, match="S3 Error Code: NoSuchKey"):
        functions.client.update_function_code(FunctionName="f", S3Bucket="code", S3Key="g.zip")
    s3.put_object(Bucket="code", Key="g.zip", Body=b"no zip")
    with pytest.raises(ClientError, match="Could not unzip"):
        functions.client.update_function_code(FunctionName="f", S3Bucket="code", S3Key="g.zip")

    def template(answer: str, **more: Any) -> str:
        code = {"ZipFile": f"def handler(event, context): return '{answer}'"}
        properties = {"Code": code, "Role": functions.role, "Runtime": "python3.12", "Handler": "index.handler",
                      "Timeout": 60, "FunctionName": "stacked", **more}  # fmt: skip
        return json.dumps({"Resources": {"F": {"Type": "AWS::Lambda::Function", "Properties": properties}}})

    def is_in(status: str) -> bool:
        return bool(stacks.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"] == status)

    stacks.create_stack(StackName="s", TemplateBody=template("first"))
    eventually(lambda: is_in("CREATE_COMPLETE"))
    assert functions.call(FunctionName="stacked")[1] == "first"
    stacks.update_stack(StackName="s", TemplateBody=template("second"))
    eventually(lambda: is_in("UPDATE_COMPLETE"))
    assert functions.call(FunctionName="stacked")[1] == "second"
    stacks.update_stack(StackName="s", TemplateBody=template("third", Layers=["arn:l"]))
    eventually(lambda: is_in("UPDATE_ROLLBACK_COMPLETE"))
    assert functions.call(FunctionName="stacked")[1] == "second"


def test_a_rule_calls_a_function(functions: Functions, client: Any) -> None:
    arn = functions.create("def handler(event, context): print(event['detail']['n'])", Timeout=60)["FunctionArn"]
    events = client("events")
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["test"]}))
    events.put_targets(Rule="all", Targets=[{"Id": "f", "Arn": arn}])
    events.put_events(Entries=[{"Source": "test", "DetailType": "t", "Detail": json.dumps({"n": "heard"})}])
    eventually(lambda: "heard" in functions.printed())
