"""Episodes on disk: recorded, recovered, verified, read, and viewed at a chosen rate."""
