"""Where records come from, what came of them, and how to find them."""
