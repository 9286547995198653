"""What is stored, read back: series, samples, buckets and the numbers that sum them up."""
