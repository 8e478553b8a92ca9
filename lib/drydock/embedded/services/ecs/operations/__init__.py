"""The ECS operations: read the request, hold it against the rules, write what is desired.

None of them starts or stops anything: the engine does, when it sees what is desired.
"""

from __future__ import annotations

from drydock.embedded.services.ecs.operations import (
    absent,
    capacity,
    clusters,
    services,
    tags,
    task_definitions,
    task_sets,
    tasks,
)

OPERATIONS = {
    function.__name__: function
    for module in (absent, capacity, clusters, services, tags, task_definitions, task_sets, tasks)
    for function in module.OPERATIONS
} | {
    "delete_attributes": absent.put_attributes,
}
