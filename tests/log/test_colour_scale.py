import numpy as np

from keras_xai.log.colour_scale import colour_scale


def test_rounds_up_to_few_digits():
    peaks = [0.011, 0.02, 0.021, 0.05, 0.3, 0.7, 1.0, 1.01, 3.0, 7e9]
    np.testing.assert_allclose(
        colour_scale(np.array(peaks)), [0.015, 0.02, 0.03, 0.05, 0.3, 0.7, 1, 1.5, 3, 7e9], rtol=1e-12
    )


def test_float32_steps_are_not_taken_for_more():
    steps = np.array([0.1, 0.2, 0.5, 1e-3, 2e-7], np.float32)
    np.testing.assert_allclose(colour_scale(steps), [0.1, 0.2, 0.5, 1e-3, 2e-7], rtol=1e-12)


def test_no_evidence_has_no_scale():
    np.testing.assert_array_equal(colour_scale(np.array([0.0, np.nan, np.inf])), 0)


def test_is_never_below_the_peak():
    peaks = 10 ** np.random.default_rng(0).uniform(-30, 30, 1000)
    scales = colour_scale(peaks)
    assert (scales >= peaks * (1 - 2e-6)).all()
    assert (scales <= peaks * 5 / 3 * (1 + 1e-6)).all()
