"""What `saft poll` is compared with: other designs of the same work, run as programs of their own.

They run in virtual environments of their own and so import nothing but each other.
"""
