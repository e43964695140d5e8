"""The commands of `keras-xai`: one module each, with a function `add` that says how the command is called."""
