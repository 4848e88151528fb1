"""What `saft bench` runs: each module measures one thing against others in the same run."""
