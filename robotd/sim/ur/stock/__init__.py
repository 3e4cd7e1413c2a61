"""ur_rtde's own control script: recognised, and emulated by its register protocol."""
