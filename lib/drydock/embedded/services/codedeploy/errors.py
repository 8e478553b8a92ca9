"""Errors of CodeDeploy that say that something is not there, or there already."""

from __future__ import annotations

from drydock.policy.requests.errors import Invalid


def no_application(name: str) -> Invalid:
    return Invalid("ApplicationDoesNotExistException", f"No application found for name: {name}")


def no_group(name: str) -> Invalid:
    return Invalid("DeploymentGroupDoesNotExistException", f"No Deployment Group found for name: {name}")


def no_config(name: str) -> Invalid:
    return Invalid("DeploymentConfigDoesNotExistException", f"No deployment config found for name: {name}")


def no_deployment(identity: str) -> Invalid:
    return Invalid("DeploymentDoesNotExistException", f"The deployment {identity} could not be found")
