"""How well the monitor finds planted shortcuts, and how often it cries wolf: `python -m tests.benchmarks.shortcuts --help`."""
