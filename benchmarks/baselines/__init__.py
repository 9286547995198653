"""What the product is measured against: other ways to take the same files in."""
