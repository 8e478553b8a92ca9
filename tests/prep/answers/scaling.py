# ruff: noqa: F821, what it takes is what the notebook has: cloud, ecs, cluster

scaling = cloud.client("application-autoscaling")
of = {
    "ServiceNamespace": "ecs", "ResourceId": f"service/{cluster}/web", "ScalableDimension": "ecs:service:DesiredCount"
}  # fmt: skip
scaling.register_scalable_target(**of, MinCapacity=3, MaxCapacity=10)
scaling.put_scaling_policy(
    **of,
    PolicyName="cpu",
    PolicyType="TargetTrackingScaling",
    TargetTrackingScalingPolicyConfiguration={
        "TargetValue": 60.0,
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
        "ScaleOutCooldown": 60,
        "ScaleInCooldown": 300,
    },
)
