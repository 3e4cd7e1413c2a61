"""Control daemon for a UR arm: processes, safety gate, pipeline and modes."""
