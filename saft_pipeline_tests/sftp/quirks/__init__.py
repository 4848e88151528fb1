"""An SFTP server that misbehaves as servers in the field do, each way by its name."""
