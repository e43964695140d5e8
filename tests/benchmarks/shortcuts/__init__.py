"""How well the monitor finds planted shortcuts, and how often it cries wolf: see `--help`."""
