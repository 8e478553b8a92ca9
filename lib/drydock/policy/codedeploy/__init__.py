"""CodeDeploy for ECS: how traffic moves, what an AppSpec says, which life-cycle events follow each other, what it
refuses."""
