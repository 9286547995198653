"""Samples as files that other programs read, each of which says where it comes from."""
