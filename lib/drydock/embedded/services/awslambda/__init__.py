"""Lambda: moto's. Functions run in Docker, and where there is none a call of one is refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service


class Lambda(Service):
    name = "awslambda"
    passing = frozenset({"Invoke", "InvokeAsync"})

    def install(self) -> None:
        """Say that a function did not run, which moto answers as an error of the function."""
        from moto.awslambda.responses import LambdaResponse

        invoke = seams.original(LambdaResponse, "invoke")
        invoke_async = seams.original(LambdaResponse, "invoke_async")

        def invoked(self: Any) -> Any:
            function = unquote(self.path.rsplit("/", 2)[-2])
            found = self.backend.get_function(function, self._get_param("Qualifier"))
            if self.headers.get("X-Amz-Invocation-Type") == "DryRun":
                return 204, {"status": 204}, ""
            return _refusal(found) or invoke(self)

        def invoked_async(self: Any) -> Any:
            function = unquote(self.path.rstrip("/").rsplit("/", 2)[-2])
            return _refusal(self.backend.get_function(function, None)) or invoke_async(self)

        seams.replace(LambdaResponse, invoke=invoked, invoke_async=invoked_async)


def _refusal(function: Any) -> Any:
    """The answer where there is no Docker; None where there is."""
    from requests.exceptions import RequestException

    try:
        from docker.errors import DockerException

        function.docker_client.ping()
    except ImportError:
        why = "the package docker is not installed"
    except (DockerException, RequestException) as error:
        why = f"it does not answer: {error}"
    else:
        return None
    message = f"{function.function_name} was not run: the embedded AWS runs functions in Docker, and {why}"
    status, headers, body = seams.error_response("awslambda", 501, "NotImplemented", message)
    return status, {**headers, "status": status}, body
