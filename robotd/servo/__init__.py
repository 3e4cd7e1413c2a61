"""The arm process: plan, inverse kinematics, follower, gate, servo loop."""
