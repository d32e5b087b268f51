"""What tests of stores and of whatever reads them can build on."""
