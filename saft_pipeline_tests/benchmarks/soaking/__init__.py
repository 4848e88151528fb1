"""What the long benchmarks are made of: a producer, faults, an installation, and an oracle."""
