"""The drawing of a lineage: what its address asks for, the drawing, and the table of the same."""
