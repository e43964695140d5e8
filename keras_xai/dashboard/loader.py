"""How TensorBoard finds the tab: the entry point `tensorboard_plugins`."""

import argparse
import logging

from tensorboard.plugins import base_plugin

# How many values TensorBoard keeps of a tag. Each of our records has a tag of its own, written again only by a fit that
# is started anew (or by a new method); of two such values the Python loader would hand out the older one.
SAMPLES = 1


class Loader(base_plugin.TBLoader):
    """Loads the tab, or says in one line why it cannot.

    TensorBoard starts its plugins with no try/except, and an error in one of them leaves the user without any tab. So
    this module imports next to nothing, and whatever fails afterwards costs only ours.
    """

    def fix_flags(self, flags: argparse.Namespace) -> None:
        """Lets TensorBoard keep the newest value of each record, unless the user wants something else."""
        if isinstance(getattr(flags, "samples_per_plugin", None), dict):
            flags.samples_per_plugin.setdefault("keras_xai", SAMPLES)

    def load(self, context: base_plugin.TBContext) -> base_plugin.TBPlugin | None:
        """Gives the plugin, or None where it cannot be loaded or there is no data provider."""
        try:
            from keras_xai.dashboard.plugin import ExplanationsPlugin

            return ExplanationsPlugin(context)
        except Exception as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())
            logging.getLogger("tensorboard").warning("TensorBoard has no Explanations tab (keras_xai): %s", said)
            return None
