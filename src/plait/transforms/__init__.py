"""Transforms: one idea a file."""
