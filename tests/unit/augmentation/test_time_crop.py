"""A time crop is a stretch of frames that is not silent, unless all of them are."""

import numpy as np

from audiotag.augmentation.time_crop import TimeCrop, TimeCropParams


def test_time_crop_starts_at_the_first_sampled_place_that_is_not_silent() -> None:
    batch = np.random.default_rng(0).normal(-80, 1, (3, 1, 16, 60))
    batch[:, :, 3, 10:14] = -20.0
    batch[2] = -90.0  # silence through and through is a place like any other
    places = np.array([[30, 40, 5, 12], [0, 40, 30, 20], [7, 0, 1, 2]]).repeat(3, axis=1)[:, :10]
    crops = TimeCrop(20).apply(batch, TimeCropParams(places))
    for item, start in enumerate((5, 0, 7)):
        assert np.array_equal(crops[item], batch[item, ..., start : start + 20])
    nowhere = TimeCrop(8).apply(batch, TimeCropParams(np.full((3, 10), 30)))
    assert np.array_equal(nowhere, batch[..., 30:38])


def test_all_places_of_a_time_crop_are_equally_likely() -> None:
    start = TimeCrop(20).sample(np.random.default_rng(0), (2000, 1, 16, 30)).start
    assert np.array_equal(np.unique(start), np.arange(11))
    assert np.bincount(start.ravel()).min() > 1600  # of 1,818 expected, five deviations of 41
