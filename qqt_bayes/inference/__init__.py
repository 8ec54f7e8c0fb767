"""From a density to posterior draws: importance sampling, exact conditional draws, the gate."""
