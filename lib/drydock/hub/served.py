"""The learner's server in his room: `python -m drydock.hub.served`. JupyterLab over his own copies of the notebooks."""

from __future__ import annotations

import sys

from jupyterhub.singleuser import main

from drydock.labs import copies
from drydock.labs.jupyterlab import arguments

if __name__ == "__main__":
    for newer in copies.bring():
        print(f"{newer} has changed since you began on your copy: `drydock lab fresh {newer}` keeps yours apart.")
    sys.argv[1:] = [*arguments(copies.folder()), *sys.argv[1:]]
    main()
