"""The rules of a task's addresses, as data: for the start-up shim, which is in the task, and for runtimes.

It imports nothing: every start of an interpreter would pay for it.
"""

WILDCARDS = ("", "0.0.0.0", "::")  # listening there is listening on the task's address
LOCALHOST = ("127.0.0.1", "::1", "localhost")  # is for this task's containers, at the second address
MACHINE = "127.0.0.1"  # the machine's own: reached only at the platform's ports
INNER = 128  # the second address of a task: the second number of its first one, with this bit turned over
PLATFORM = r"^(AWS_ENDPOINT_URL\w*|AWS_CONTAINER_CREDENTIALS_FULL_URI|ECS_CONTAINER_METADATA_URI\w*|ECS_AGENT_URI)$"
"""Variables whose URLs say at which ports the platform answers."""
DNS_PORT = 53  # of the VPC's resolver, wherever this machine has it
RESOLVER_TIMEOUT = 2.0  # seconds for one answer from it
HOST_NAME = "ip-{}"  # of an address, with hyphens for its dots
ADDRESS_VARIABLE = "DRYDOCK_ADDRESS"
FIREWALL_VARIABLE = "DRYDOCK_FIREWALL"  # a folder, as the container names it
RESOLVER_VARIABLE = "DRYDOCK_RESOLVER"  # address:port
HOSTS_VARIABLE = "DRYDOCK_HOSTS"  # name=address, with spaces between them


def inner_address(address: str) -> str:
    """The second loopback address of a task: 127.10.1.5 has 127.138.1.5."""
    first, second, rest = address.split(".", 2)
    return f"{first}.{int(second) ^ INNER}.{rest}"


def host_name(address: str) -> str:
    """The name that a VPC gives an address, as in $HOSTNAME."""
    return HOST_NAME.format(address.replace(".", "-"))
