"""Winning the accuracy back."""
