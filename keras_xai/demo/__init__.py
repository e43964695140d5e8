"""`keras-xai demo`: a small network learns a planted shortcut, and its explanations show it."""
