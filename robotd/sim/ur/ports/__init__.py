"""What clients see: the connections, RTDE, dashboard and script ports."""
