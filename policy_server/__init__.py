"""Train, evaluate and serve chunked policies; needs of robotd only core and the Push-T world."""
