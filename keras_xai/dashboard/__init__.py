"""The Explanations tab of TensorBoard. Imports tensorboard, werkzeug and the standard library only."""
