"""The processes of `saft up`, one supervisor over all."""
