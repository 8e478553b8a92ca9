"""What a scan found, in the shapes of the API."""

from __future__ import annotations

import hashlib
from typing import Any

from drydock.embedded.services.ecr.scan import Finding, Report, advisories
from drydock.embedded.services.ecr.state import Image, Repository

_MANAGERS = {"pypi": "PYTHONPKG", "npm": "NODEPKG", "debian": "OS", "alpine": "OS"}


def basic(result: Report, image: Image, repository: Repository) -> dict[str, Any]:
    """The shape `ImageScanFindings` of a basic scan."""
    return _frame(result) | {"findings": [_basic(finding) for finding in result.findings]}


def enhanced(result: Report, image: Image, repository: Repository) -> dict[str, Any]:
    """The shape `ImageScanFindings` of an enhanced scan."""
    return _frame(result) | {
        "enhancedFindings": [_enhanced(finding, result, image, repository) for finding in result.findings]
    }


def _frame(result: Report) -> dict[str, Any]:
    return {
        "imageScanCompletedAt": result.completed,
        "vulnerabilitySourceUpdatedAt": advisories().date,
        "findingSeverityCounts": dict(result.counts),
    }


def _basic(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.advisory.id,
        "description": _described(finding),
        "uri": _uri(finding),
        "severity": finding.advisory.severity,
        "attributes": [
            {"key": "package_version", "value": finding.package.version},
            {"key": "package_name", "value": finding.package.name},
        ],
    }


def _enhanced(finding: Finding, result: Report, image: Image, repository: Repository) -> dict[str, Any]:
    package = finding.package
    key = f"{image.digest}:{finding.advisory.id}:{package.path}:{package.name}"
    return {
        "awsAccountId": repository.registry_id,
        "findingArn": f"arn:aws:inspector2:{repository.region_name}:{repository.registry_id}:finding/"
        f"{hashlib.sha256(key.encode()).hexdigest()[:32]}",
        "title": f"{finding.advisory.id} - {package.name}",
        "description": _described(finding),
        "severity": finding.advisory.severity,
        "status": "ACTIVE",
        "type": "PACKAGE_VULNERABILITY",
        "fixAvailable": "YES",
        "firstObservedAt": result.completed,
        "lastObservedAt": result.completed,
        "updatedAt": result.completed,
        "packageVulnerabilityDetails": {
            "vulnerabilityId": finding.advisory.id,
            "source": "DRYDOCK",
            "sourceUrl": _uri(finding),
            "vendorSeverity": finding.advisory.severity,
            "vulnerablePackages": [
                {
                    "name": package.name,
                    "version": package.version,
                    "fixedInVersion": finding.fixed,
                    "filePath": package.path,
                    "packageManager": _MANAGERS[package.kind],
                    "sourceLayerHash": package.layer,
                }
            ],
        },
        "resources": [
            {
                "type": "AWS_ECR_CONTAINER_IMAGE",
                "id": f"{repository.arn}/{image.digest}",
                "details": {
                    "awsEcrContainerImage": {
                        "imageHash": image.digest,
                        "imageTags": image.tags,
                        "pushedAt": image.pushed.wall,
                        "registry": repository.registry_id,
                        "repositoryName": repository.name,
                    }
                },
            }
        ],
    }


def _described(finding: Finding) -> str:
    return f"{finding.advisory.description} Fixed in {finding.package.source} {finding.fixed}."


def _uri(finding: Finding) -> str:
    return f"https://nvd.nist.gov/vuln/detail/{finding.advisory.id}"
