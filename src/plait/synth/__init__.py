"""Joint distributions of several inputs and targets: declared, learned, or loaded; all are sampled as data sets."""
