"""Whose mistake is a refinement: the caption's, the painter's, the critic's? And does a model learn the painter's?"""
