"""Every setting has a name, and what differs between two settings is said in words."""

from dataclasses import fields

from audiotag.features.setting_names import CHANGES_PICTURE, NAMES, differences, most_different, value_text
from audiotag.features.settings import PRESETS, SpectrogramSettings


def test_every_setting_has_a_name_and_its_values_have_units() -> None:
    assert list(NAMES) == [field.name for field in fields(SpectrogramSettings)]
    assert set(NAMES) > CHANGES_PICTURE
    assert value_text("clip_s", 2.0) == "2 s"
    assert value_text("mean_db", -12.5) == "−12.5 dB"
    assert value_text("window", "hann") == "hann"


def test_differences_are_the_settings_that_differ_in_words() -> None:
    capstone = PRESETS["capstone"]
    found = differences(capstone, capstone.with_changes(hop_length=345, normalise="clip"))
    assert [(each.name, each.value, each.other) for each in found] == [
        ("Hop", "690 samples", "345 samples"),
        ("Normalise", "no", "clip"),
    ]
    assert differences(capstone, capstone) == []


def test_an_unused_mean_is_no_difference() -> None:
    capstone = PRESETS["capstone"]
    assert differences(capstone, capstone.with_changes(mean_db=-30.0)) == []
    scaled = capstone.with_changes(mean_db=-30.0, normalise="global")
    assert [each.field for each in differences(capstone, scaled)] == ["normalise", "mean_db"]


def test_the_preset_that_differs_most_shows_another_picture() -> None:
    for name, settings in PRESETS.items():
        other = most_different(settings, PRESETS)
        assert other not in (None, name)
        changed = {each.field for each in differences(settings, PRESETS[other])}
        assert changed & CHANGES_PICTURE
    assert most_different(PRESETS["capstone"], {"capstone": PRESETS["capstone"]}) is None
    assert most_different(PRESETS["capstone"], {}) is None
