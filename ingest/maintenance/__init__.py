"""What is stored, cared for: compacted, verified, rebuilt, withdrawn, deleted by policy."""
