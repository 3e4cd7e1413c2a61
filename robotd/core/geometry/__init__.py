"""SO(3) and SE(3): rotations, poses and what lies between two of them."""
