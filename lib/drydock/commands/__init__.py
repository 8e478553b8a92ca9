"""Groups of the `drydock` command, each loaded when it is asked for."""
