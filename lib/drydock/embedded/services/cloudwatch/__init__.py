"""CloudWatch: metrics in the data file, each by its namespace, its name and all its dimensions; alarms that act."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service
from drydock.policy.lifespans import Lifespan, Setting, both, items, whole

if TYPE_CHECKING:
    from .controller import Controller


class CloudWatch(Service):
    name = "cloudwatch"
    in_data = frozenset({"PutMetricData"})
    controller: Controller
    lifespan = Lifespan(
        begins="PutMetricAlarm",
        ends="DeleteAlarms",
        within=frozenset({"SetAlarmState", "EnableAlarmActions", "DisableAlarmActions"}),
        named_in=("AlarmName", "AlarmNames"),
        name="(?!TargetTracking-)(.+)",  # those of target tracking are made with its policies
        again=True,
        settings={"PutMetricAlarm": Setting(both(whole("alarm"), items("tag", "Tags", "Key")))},
    )

    def install(self) -> None:
        """Put the data file in the place of moto's list of data, and our reading in the place of its own."""
        from moto.cloudwatch.models import CloudWatchBackend
        from moto.cloudwatch.responses import CloudWatchResponse

        from . import operations
        from .alarm_operations import Operations
        from .alarms import Kept
        from .controller import Controller
        from .store import Store

        host = self.host
        store = Store(host.data, host.clock, host.clock.real(host.profile.metrics))
        kept = Kept(host.data)
        self.controller = Controller(host, store, kept)
        alarms = Operations(self.controller, kept, host.poke)
        backend: Any = CloudWatchBackend
        backend.kept, backend.vend = store, operations.vend
        backend.looked_at = lambda self, name: alarms.looked_at(self, name)
        backend.without_action = lambda self, arn: alarms.without_action(self, arn)
        seams.replace(
            CloudWatchBackend,
            put_metric_data=operations.put_metric_data,
            put_metric_alarm=lambda self, **given: alarms.put_for_moto(self, **given),
            delete_alarms=lambda self, names: alarms.delete_for_moto(self, names),
        )
        seams.replace(
            CloudWatchResponse,
            get_metric_data=operations.get_metric_data,
            get_metric_statistics=operations.get_metric_statistics,
            list_metrics=operations.list_metrics,
            put_dashboard=operations.put_dashboard,
        )
        for operation in (
            alarms.put_metric_alarm, alarms.put_composite_alarm, alarms.delete_alarms, alarms.set_alarm_state,
            alarms.enable_alarm_actions, alarms.disable_alarm_actions, alarms.describe_alarms,
            alarms.describe_alarms_for_metric, alarms.describe_alarm_history, alarms.tag_resource,
            alarms.untag_resource, alarms.list_tags_for_resource,
        ):  # fmt: skip
            setattr(CloudWatchResponse, operation.__name__, seams.as_method(operation))
        host.every_tick(self.name, self.controller.tick, patient=True)

    def restored(self) -> None:
        """The state of alarms."""
        self.controller.restored()
