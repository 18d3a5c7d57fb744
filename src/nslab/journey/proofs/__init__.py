"""What proves a cause: one function for each, over the place where a packet stopped."""
