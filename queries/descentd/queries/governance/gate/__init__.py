"""The gate of an environment: the variables of its policy, the evaluation of its rules, and decisions."""
