"""Figures: one module each, drawing from tidy tables alone, in one style, to the same bytes every time."""
