"""Benchmarks: commands that start everything they need, measure ratios in one run, and print a table. None is a test."""
