"""The mean over eight views of a plane."""

import numpy as np

from septum.net.inference.views import averaged


def test_the_mean_of_what_depends_on_no_direction_is_itself_and_all_eight_views_are_seen() -> None:
    image = np.random.default_rng(0).random((2, 5, 7)).astype(np.float32)
    seen: list[bytes] = []

    def square(view: np.ndarray) -> np.ndarray:
        seen.append(view.tobytes())
        return np.asarray(view**2, np.float32)

    np.testing.assert_allclose(averaged(square, image), image**2, rtol=1e-6)
    assert len(set(seen)) == 8


def test_what_leans_to_one_side_is_evened_out() -> None:
    image = np.zeros((1, 5, 5), np.float32)
    image[0, 2, 2] = 1.0
    found = averaged(lambda view: np.roll(view, 1, axis=2), image)
    assert found[0, 2, 1] == found[0, 2, 3] == found[0, 1, 2] == found[0, 3, 2] == 0.25
