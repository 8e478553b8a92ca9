"""Scans: packages that are really in the layers, and what is known about them."""

from __future__ import annotations

import io
import json
import random
from typing import Any

import pytest
from tests.support.waiting import eventually

from drydock.embedded.services.ecr import packages, scan, versions


def metadata(name: str, version: str) -> str:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nSome text.\nVersion: 9\n"


OLD_URLLIB3 = {"app/vendor/urllib3-1.26.4.dist-info/METADATA": metadata("urllib3", "1.26.4")}
BOOKWORM = {
    "etc/os-release": 'ID=debian\nVERSION_ID="12"\n',
    "var/lib/dpkg/status": (
        "Package: libc6\nStatus: install ok installed\nSource: glibc\nVersion: 2.36-9+deb12u1\n"
        "Description: GNU C Library\n text\n\n"
        "Package: curl\nStatus: deinstall ok config-files\nVersion: 7.88.1-10+deb12u1\n\n"
        "Package: openssh-client\nStatus: install ok installed\nSource: openssh (1:9.2p1-2+deb12u3)\n"
        "Version: 1:9.2p1-2\n"
    ),
}
ALPINE = {
    "etc/os-release": "ID=alpine\nVERSION_ID=3.16.1\n",
    "lib/apk/db/installed": "C:Q1\nP:zlib\nV:1.2.12-r1\no:zlib\n\nP:libcrypto1.1\nV:1.1.1q-r0\no:openssl\n",
}
NODE = {"app/node_modules/lodash/package.json": json.dumps({"name": "lodash", "version": "4.17.15"})}


def found_in(make: Any, *layers: dict[str, str]) -> dict[str, list[str]]:
    """CVEs by package, of an image with these layers."""
    image = make(*layers)
    order = [layer["digest"] for layer in json.loads(image.manifest)["layers"]]
    read = packages.read([(digest, lambda digest=digest: io.BytesIO(image.blobs[digest])) for digest in order])
    found: dict[str, list[str]] = {}
    for finding in scan.match(read, scan.advisories()):
        found.setdefault(finding.package.name, []).append(finding.advisory.id)
    return found


def test_python_packages(make: Any) -> None:
    assert found_in(make, OLD_URLLIB3) == {
        "urllib3": ["CVE-2021-33503", "CVE-2023-43804", "CVE-2023-45803", "CVE-2024-37891"]
    }
    fixed = {"site/urllib3-2.2.3.dist-info/METADATA": metadata("urllib3", "2.2.3")}
    assert found_in(make, fixed) == {}
    old = {"site/PyYAML-5.3.egg-info/PKG-INFO": metadata("PyYAML", "5.3")}
    assert found_in(make, old) == {"PyYAML": ["CVE-2020-14343", "CVE-2020-1747"]}


def test_packages_of_distributions(make: Any) -> None:
    assert found_in(make, BOOKWORM) == {"libc6": ["CVE-2023-4911"]}
    assert found_in(make, ALPINE) == {"zlib": ["CVE-2022-37434"]}
    sid = BOOKWORM | {"etc/os-release": "ID=debian\n"}
    assert found_in(make, sid) == {}


def test_node_packages(make: Any) -> None:
    assert found_in(make, NODE) == {"lodash": ["CVE-2021-23337"]}


@pytest.mark.parametrize(
    "later",
    [
        {"app/vendor/.wh.urllib3-1.26.4.dist-info": ""},
        {"app/.wh.vendor": ""},
        {"app/vendor/.wh..wh..opq": ""},
        {"app/vendor/urllib3-1.26.4.dist-info/METADATA": metadata("urllib3", "2.2.3")},
    ],
)
def test_what_a_later_layer_took_away_is_not_found(make: Any, later: dict[str, str]) -> None:
    assert found_in(make, OLD_URLLIB3, later) == {}
    assert found_in(make, later, OLD_URLLIB3) != {}


@pytest.mark.parametrize(
    ("kind", "ordered"),
    [
        ("debian", ["1.0~rc1-1", "1.0-1", "1.0-1+deb12u1", "1.0-1+deb12u10", "1.0.1-1", "1:0.1-1", "1:0.1a-1"]),
        ("debian", ["2.31-13+deb11u6", "2.31-13+deb11u7"]),
        ("alpine", ["1.2_rc1-r9", "1.2-r0", "1.2-r10", "1.2_p1-r0", "1.2a-r0", "1.2.1-r0", "1.10-r0"]),
        ("pypi", ["2.0a1", "2.0", "2.0.post1", "2.0.6", "2.0.17"]),
    ],
)
def test_versions_have_their_own_order(kind: str, ordered: list[str]) -> None:
    key = versions.KEYS[kind]
    assert sorted(random.Random(0).sample(ordered, len(ordered)), key=key) == ordered


def test_every_advisory_can_be_read() -> None:
    for advisory in scan.advisories().advisories:
        assert advisory.severity in scan.SEVERITIES
        for introduced, fixed in advisory.ranges:
            assert versions.within(advisory.kind, introduced, introduced, fixed), advisory.id
            assert not versions.within(advisory.kind, fixed, introduced, fixed), advisory.id


def finished(ecr: Any, repository: str, **image_id: str) -> Any:
    def found() -> Any:
        answer = ecr.describe_image_scan_findings(repositoryName=repository, imageId=image_id)
        return answer["imageScanStatus"]["status"] != "IN_PROGRESS" and answer

    return eventually(found, "the scan has ended")


def test_a_scan_on_push(ecr: Any, session: Any, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "SCAN_SECONDS", 90.0)
    ecr.create_repository(repositoryName="web", imageScanningConfiguration={"scanOnPush": True})
    image = make(OLD_URLLIB3)
    session.push("web", image, "v1")
    assert (
        ecr.describe_image_scan_findings(repositoryName="web", imageId={"imageTag": "v1"})["imageScanStatus"]["status"]
        == "IN_PROGRESS"
    )
    answer = finished(ecr, "web", imageTag="v1")
    assert answer["imageScanStatus"]["status"] == "COMPLETE"
    assert "Drydock's small dated list" in answer["imageScanStatus"]["description"]
    findings = answer["imageScanFindings"]
    assert findings["findingSeverityCounts"] == {"HIGH": 2, "MEDIUM": 2}
    assert [f["name"] for f in findings["findings"]] == [
        "CVE-2021-33503",
        "CVE-2023-43804",
        "CVE-2023-45803",
        "CVE-2024-37891",
    ]
    first = findings["findings"][0]
    attributes = {a["key"]: a["value"] for a in first["attributes"]}
    assert attributes == {"package_name": "urllib3", "package_version": "1.26.4"}
    assert (first["severity"], first["uri"]) == ("HIGH", "https://nvd.nist.gov/vuln/detail/CVE-2021-33503")
    with pytest.raises(ecr.exceptions.LimitExceededException):
        ecr.start_image_scan(repositoryName="web", imageId={"imageTag": "v1"})
    ecr.get_waiter("image_scan_complete").wait(repositoryName="web", imageId={"imageTag": "v1"})


def test_a_scan_that_is_asked_for(ecr: Any, push: Any) -> None:
    push("web", "nothing to find", "v1")
    named = {"repositoryName": "web", "imageId": {"imageTag": "v1"}}
    with pytest.raises(ecr.exceptions.ScanNotFoundException):
        ecr.describe_image_scan_findings(**named)
    assert ecr.start_image_scan(**named)["imageScanStatus"]["status"] == "IN_PROGRESS"
    answer = finished(ecr, "web", imageTag="v1")
    assert (answer["imageScanFindings"]["findings"], answer["imageScanFindings"]["findingSeverityCounts"]) == ([], {})


def test_which_repositories_are_scanned_on_push(ecr: Any, session: Any, make: Any) -> None:
    for name in ("prod-web", "web-prod", "dev"):
        ecr.create_repository(repositoryName=name)
    rule = {"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": [{"filter": "prod-*", "filterType": "WILDCARD"}]}
    ecr.put_registry_scanning_configuration(scanType="BASIC", rules=[rule])
    with pytest.raises(ecr.exceptions.InvalidParameterException):
        ecr.put_registry_scanning_configuration(scanType="BASIC", rules=[rule | {"scanFrequency": "CONTINUOUS_SCAN"}])
    ecr.put_image_scanning_configuration(repositoryName="dev", imageScanningConfiguration={"scanOnPush": True})
    answer = ecr.batch_get_repository_scanning_configuration(repositoryNames=["prod-web", "web-prod", "dev", "none"])
    shown = {c["repositoryName"]: (c["scanFrequency"], c["scanOnPush"]) for c in answer["scanningConfigurations"]}
    assert shown == {
        "prod-web": ("SCAN_ON_PUSH", True),
        "web-prod": ("MANUAL", False),
        "dev": ("SCAN_ON_PUSH", True),
    }
    assert [f["repositoryName"] for f in answer["failures"]] == ["none"]
    session.push("prod-web", make({"a": "1"}), "v1")
    assert finished(ecr, "prod-web", imageTag="v1")["imageScanStatus"]["status"] == "COMPLETE"


def test_an_enhanced_scan(ecr: Any, session: Any, make: Any) -> None:
    rule = {"scanFrequency": "CONTINUOUS_SCAN", "repositoryFilters": [{"filter": "*", "filterType": "WILDCARD"}]}
    ecr.put_registry_scanning_configuration(scanType="ENHANCED", rules=[rule])
    ecr.create_repository(repositoryName="web")
    session.push("web", make(OLD_URLLIB3), "v1")
    answer = finished(ecr, "web", imageTag="v1")
    assert answer["imageScanStatus"]["status"] == "ACTIVE"
    first = answer["imageScanFindings"]["enhancedFindings"][0]["packageVulnerabilityDetails"]
    assert first["vulnerabilityId"] == "CVE-2021-33503"
    assert first["vulnerablePackages"][0]["fixedInVersion"] == "1.26.5"


def test_a_layer_that_cannot_be_read_fails_the_scan(ecr: Any, session: Any, make: Any) -> None:
    image = make({"a": "1"})
    broken = b"not a tar"
    ecr.create_repository(repositoryName="web", imageScanningConfiguration={"scanOnPush": True})
    digest = session.push_blob("web", broken)
    manifest = json.loads(image.manifest)
    manifest["layers"] = [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": 9}]
    session.push_blob("web", image.blobs[manifest["config"]["digest"]])
    answer = session.put("/v2/web/manifests/v1", data=json.dumps(manifest))
    assert answer.status_code == 201
    status = finished(ecr, "web", imageTag="v1")["imageScanStatus"]
    assert (status["status"], digest in status["description"]) == ("FAILED", True)
