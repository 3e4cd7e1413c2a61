"""An emulated UR controller: what a real one says on its ports, and what it does."""
