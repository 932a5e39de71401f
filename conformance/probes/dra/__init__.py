"""What the deeper checks of Dynamic Resource Allocation are made of: devices told apart, claims of every shape, trials."""
