"""The part of a lineage that is drawn: what is selected, what of it is hidden, and what is folded into one."""
