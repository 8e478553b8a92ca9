"""Where this directory is on PYTHONPATH (in containers of the docker runtime): the address shim at start-up."""

import _drydock_address

_drydock_address.install()
