"""Other people's libraries beside ours, each in an environment where it runs: see `environments`."""
