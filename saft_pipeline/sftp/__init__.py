"""The client of the SFTP server: listing, fetching, archiving, and every fault on the way.

`session` and `wire` speak the protocol; `flight` holds how much is asked for at once, and lowers it
where a server refuses; `fetching` says when a file is whole.
"""
