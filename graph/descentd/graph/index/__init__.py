"""The influence edges as arrays in this process: reach, distance, derivations, exposure."""
