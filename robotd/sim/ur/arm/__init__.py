"""The arm that the controller moves: how its reference goes, how joints follow, what they bear."""
