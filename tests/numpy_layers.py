"""Layers written down in NumPy and float64: the slow second implementation that the tests compare with."""

import numpy as np


def conv(x, kernel, bias, strides=1):
    """(n, h, w, c) with "same" padding."""
    size = kernel.shape[0]
    cells = [-(-extent // strides) for extent in x.shape[1:3]]
    total = [max((count - 1) * strides + size - extent, 0) for count, extent in zip(cells, x.shape[1:3], strict=True)]
    padded = np.pad(x, [(0, 0), *((one // 2, one - one // 2) for one in total), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))[:, ::strides, ::strides]
    return np.einsum("nhwcij,ijco->nhwo", windows, kernel, optimize=True) + bias


def norm(x, gamma, beta, moving_mean, moving_variance):
    """Batch normalisation in inference mode."""
    return (x - moving_mean) / np.sqrt(moving_variance + 1e-3) * gamma + beta


def layer_norm(x, gamma, beta):
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-3) * gamma + beta


def attention_scores(x, w):
    """(n, tokens, channels) -> (n, heads, tokens, tokens), from the weights of a MultiHeadAttention by layer."""
    query, key = (np.einsum("ntc,chd->nthd", x, w[name]["kernel"]) + w[name]["bias"] for name in ("query", "key"))
    return softmax(np.einsum("nthd,nshd->nhts", query, key) / np.sqrt(query.shape[-1]))


def attention(x, w):
    value = np.einsum("ntc,chd->nthd", x, w["value"]["kernel"]) + w["value"]["bias"]
    read = np.einsum("nhts,nshd->nthd", attention_scores(x, w), value)
    return np.einsum("nthd,hdc->ntc", read, w["attention_output"]["kernel"]) + w["attention_output"]["bias"]


def relu(x):
    return np.maximum(x, 0)


def pool(x):
    """Mean over space: (n, h, w, c) -> (n, c)."""
    return x.mean(axis=(1, 2))


def dense(x, kernel, bias):
    return x @ kernel + bias


def quantized_dense(x, kernel, bias, kernel_scale):
    """An int8 dense layer: each row of x is rounded to 255 steps."""
    scale = 127 / (np.abs(x).max(axis=-1, keepdims=True) + 1e-7)
    return np.round(x * scale) @ kernel / (scale * kernel_scale) + bias


def softmax(x):
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gradient(function, x, step=1e-6):
    """Central finite differences of `function(x (m, ...)) -> (m,)` at one x (...), each entry moved by `step`."""
    moves = np.eye(x.size).reshape(x.size, *x.shape) * step
    return ((function(x + moves) - function(x - moves)) / (2 * step)).reshape(x.shape)
