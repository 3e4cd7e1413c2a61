"""`robotd doctor`: what the computer, the network and the devices of a cell are like."""
