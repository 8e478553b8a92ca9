"""What it takes to run containers for whoever asks: images, interfaces, logs, and groups of containers."""
