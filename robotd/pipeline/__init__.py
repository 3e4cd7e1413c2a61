"""From observations to plans: observe, policy client, executors, action mapping."""
