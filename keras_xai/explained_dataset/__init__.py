"""A whole data set explained: maps and scores in shards on disk."""
