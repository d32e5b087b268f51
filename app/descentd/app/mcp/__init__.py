"""The Model Context Protocol: what assistants ask a registry by tools, at /mcp. They read, and decide nothing."""
