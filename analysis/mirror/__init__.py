"""A copy of the samples as a Parquet data set, kept equal to what is stored."""
