"""The mock cell: Push-T world, simulated arm, cameras and tracker."""
