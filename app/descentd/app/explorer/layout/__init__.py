"""How a lineage is drawn: which box stands where, and which way each line takes."""
