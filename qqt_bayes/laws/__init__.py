"""Laws: pure functions from data and parameters to predicted performance."""
