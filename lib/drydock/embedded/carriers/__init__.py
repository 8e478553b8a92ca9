"""What carries the embedded AWS into the world: processes, proxies, packets."""
