"""What devices send: certificates bound by registration, measurement files, samples."""
