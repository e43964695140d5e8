"""Maps become pictures here, and nowhere else: NumPy arrays in, uint8 arrays out."""

from keras_xai.render.colour import colour
from keras_xai.render.encode import jpeg, png
from keras_xai.render.feature_map_page import feature_map_page
from keras_xai.render.filmstrip import filmstrip
from keras_xai.render.montage import montage
from keras_xai.render.overlay import overlay

__all__ = ["colour", "feature_map_page", "filmstrip", "jpeg", "montage", "overlay", "png"]
