"""What ECS decides: how a deployment rolls, where a task goes, when a breaker trips."""
