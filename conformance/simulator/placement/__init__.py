"""Finding places for pods: what every simulated scheduler shares, whether it places pods one by one or gangs as a whole."""
