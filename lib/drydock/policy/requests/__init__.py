"""What ECS refuses, and in which words."""
