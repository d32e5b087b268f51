"""Attacks on a server, and what answers them rightly: `make attack` runs all of them."""
