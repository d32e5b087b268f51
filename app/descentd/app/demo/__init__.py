"""The demo: the lineage of the Pythia models, registered and asked."""
