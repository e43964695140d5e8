"""Numbers about maps: pure functions of NumPy arrays, and measures that ask the model."""

from keras_xai.metrics.complexity import effective_area, entropy, gini
from keras_xai.metrics.confidence_change import AverageDrop, Increase
from keras_xai.metrics.drift import drift
from keras_xai.metrics.imputation import impute
from keras_xai.metrics.infidelity import Infidelity
from keras_xai.metrics.localisation import Localisation, iou, pointing_game, relevance_mass, relevance_rank
from keras_xai.metrics.metric import Metric
from keras_xai.metrics.mu_fidelity import MuFidelity
from keras_xai.metrics.placement import border_share, centre_share
from keras_xai.metrics.removal import ROAD, Deletion, Insertion
from keras_xai.metrics.sanity import ParameterRandomisation, RandomLogit, cascade
from keras_xai.metrics.sensitivity import MaxSensitivity
from keras_xai.metrics.similarity import Similarity, agreement, cosine, spearman, ssim, top_iou

__all__ = [
    "ROAD",
    "AverageDrop",
    "Deletion",
    "Increase",
    "Infidelity",
    "Insertion",
    "Localisation",
    "MaxSensitivity",
    "Metric",
    "MuFidelity",
    "ParameterRandomisation",
    "RandomLogit",
    "Similarity",
    "agreement",
    "border_share",
    "cascade",
    "centre_share",
    "cosine",
    "drift",
    "effective_area",
    "entropy",
    "gini",
    "impute",
    "iou",
    "pointing_game",
    "relevance_mass",
    "relevance_rank",
    "spearman",
    "ssim",
    "top_iou",
]
