"""Access to stored data: queries, exports, the analysis API and pages of the staff site."""
