"""What the daemon does: supervisor, conductor, run, lockstep, report."""
