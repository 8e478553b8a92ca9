"""What a proxy decides for each request: which cluster gets it, whether it is tried again, which host is left out."""
