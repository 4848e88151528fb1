"""The demo: sample files, an SFTP server that offers them, and all of it put together."""
