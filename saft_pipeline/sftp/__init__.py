"""The client of the SFTP server: listing, fetching, archiving, and every fault on the way."""
