"""What is known of many versions at once: where each stands, and how a metric moved from one to the next."""
