"""Datasets: find them, index them, count them, and render the starter sounds."""
