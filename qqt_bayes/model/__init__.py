"""Specification, priors, design matrices and random effects; not how they are sampled."""
