"""Equations and limits that link formulas, each measured at random points."""
