"""The questions to a registry, by domain. They read and write only through the Store protocol."""
