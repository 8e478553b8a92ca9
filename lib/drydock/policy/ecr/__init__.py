"""What ECR decides."""
