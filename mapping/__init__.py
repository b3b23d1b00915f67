"""Weights to cells: where every bit of a weight matrix lives."""
