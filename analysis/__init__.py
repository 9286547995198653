"""Gives stored data back: queries, exports, the analysis API and the pages of the staff site."""
