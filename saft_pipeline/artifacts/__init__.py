"""Raw and parsed files, kept by the hash of their bytes: on this machine, or at an address."""
