"""Questions to a synthetic table, one a file: each a function from the sides of a comparison to findings."""
