"""Samples out of whatever Keras trains on, which is left as it was found."""
