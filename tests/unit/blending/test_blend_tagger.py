"""A blend tags like any other ensemble; its scores are the mean of its members' scores."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audiotag.blending.blend import make_blend
from audiotag.blending.settings import BlendSettings
from audiotag.errors import AudiotagError
from audiotag.tagging.blend_fusion import at_times, fuse_voters
from audiotag.tagging.bulk import tag_files
from audiotag.tagging.card_reading import read_card
from audiotag.tagging.opening import open_tagger
from audiotag.tagging.settings import TagSettings
from audiotag.tagging.sound_files import SoundFile
from audiotag.tagging.tagger import Tagger

Blends = Callable[[str], Path]


@pytest.fixture(scope="module")
def new_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound that no ensemble was trained on."""
    path = tmp_path_factory.mktemp("new") / "new.wav"
    time_s = np.arange(16_000 * 3) / 16_000
    noise = 0.02 * np.random.default_rng(9).normal(size=len(time_s))
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 700 * time_s**1.2) + noise, 16_000)
    return path


def scores_by_label(tags: Any) -> dict[str, float]:
    return {tag.label: tag.score for tag in tags.ranking}


def test_a_blend_scores_a_clip_by_the_geometric_mean_of_its_members(
    blends: Blends, trained: Any, new_clip: Path
) -> None:
    own = [scores_by_label(Tagger(member).tag(new_clip)) for member in trained.members]
    found = scores_by_label(open_tagger(blends("plain")).tag(new_clip))
    assert set(found) == {"Bark", "Bell", "Hiss"}
    for label, score in found.items():
        assert score == pytest.approx(np.prod([each[label] for each in own]) ** (1 / 3), rel=1e-5)


def test_folders_of_sounds_get_the_scores_of_single_sounds(blends: Blends, trained: Any, new_clip: Path) -> None:
    tagger = open_tagger(blends("stacked"))
    broken = new_clip.with_name("broken.wav")
    broken.write_text("not a sound")
    paths = [new_clip, broken, *sorted(trained.dataset.glob("*.wav"))[:3]]
    results = list(tag_files(tagger, [SoundFile(path, path.name) for path in paths]))
    assert [result.file.path for result in results] == paths
    assert results[1].tags is None
    assert "broken.wav" in results[1].problem
    for result in results:
        if result.tags is not None:
            np.testing.assert_allclose(result.tags.scores, tagger.tag(result.file.path).scores, atol=1e-6)


def test_only_folds_that_were_not_trained_on_a_clip_vote(blends: Blends, trained: Any) -> None:
    tagger = open_tagger(blends("stacked"))
    tags = tagger.tag(trained.dataset / "4.wav")
    fold = int(trained.folds[4])
    alone = Tagger(trained.members[0], TagSettings(folds=(fold,))).tag(trained.dataset / "4.wav")
    evidence = tagger.evidence(trained.dataset / "4.wav")
    clip, _ = tagger.voter_scores(evidence, tagger.member_tags(evidence, TagSettings()), "mean")
    np.testing.assert_allclose(clip[0], alone.scores, atol=1e-6)
    assert f"Fold {fold} alone votes: the other 2 folds were trained on this clip." in tags.notes
    assert tags.trained_folds == 0
    assert tags.voting_folds == (1, 2, 3, 4, 5)


def test_a_stacker_uses_its_fold_that_was_fitted_without_the_clip(blends: Blends, trained: Any) -> None:
    tagger = open_tagger(blends("stacked"))
    evidence = tagger.evidence(trained.dataset / "4.wav")
    tags = tagger.member_tags(evidence, TagSettings())
    inputs = np.concatenate(tagger.timelines(tags), axis=1).mean(axis=0, keepdims=True)
    place = list(tagger._stackers[0].folds).index(int(trained.folds[4]))
    clip, _ = tagger.voter_scores(evidence, tags, "mean")
    np.testing.assert_allclose(clip[3], tagger._stackers[0].scores(inputs)[place, 0], atol=1e-6)


def test_the_timeline_has_the_windows_of_the_first_member(blends: Blends, trained: Any, new_clip: Path) -> None:
    tags, first = open_tagger(blends("stacked")).tag(new_clip), Tagger(trained.members[0]).tag(new_clip)
    np.testing.assert_array_equal(tags.starts_s, first.starts_s)
    assert tags.timeline.shape == first.timeline.shape
    assert tags.window_s == first.window_s


def test_silence_scores_zero(blends: Blends) -> None:
    tags = open_tagger(blends("stacked")).tag(np.zeros(32_000), sample_rate=16_000)
    assert not tags.scores.any()
    assert not tags.timeline.any()


def test_selected_voters_alone_are_combined(blends: Blends, trained: Any, new_clip: Path) -> None:
    alone = open_tagger(blends("plain"), TagSettings(folds=(2,))).tag(new_clip)
    member = Tagger(trained.members[1]).tag(new_clip)
    assert scores_by_label(alone) == pytest.approx(scores_by_label(member), rel=1e-5)
    with pytest.raises(AudiotagError, match="folds must be among 1, 2, 3 in plain, got 7"):
        open_tagger(blends("plain"), TagSettings(folds=(7,)))


def test_a_blend_embeds_with_its_first_member(blends: Blends, trained: Any, new_clip: Path) -> None:
    tags = open_tagger(blends("plain"), keep_embeddings=True).tag(new_clip)
    first = Tagger(trained.members[0], keep_embeddings=True).tag(new_clip)
    assert tags.embeddings is not None
    np.testing.assert_allclose(tags.embeddings, first.embeddings, atol=1e-6)


def test_a_sound_of_the_first_members_rate_is_scored_by_members_of_other_rates(blends: Blends, new_clip: Path) -> None:
    from audiotag.audio.reading import read_sound

    tagger = open_tagger(blends("plain"))
    sound = read_sound(new_clip, 16_000)
    np.testing.assert_allclose(tagger.tag_sound(sound).scores, tagger.tag(new_clip).scores, atol=2e-3)


def test_a_changed_member_is_refused_by_name(blends: Blends, trained: Any, tmp_path: Path) -> None:
    folder = shutil.copytree(blends("stacked"), tmp_path / "stacked")
    card = folder / "member-2" / "card.json"
    card.write_text(card.read_text().replace("0.5", "0.6"))
    with pytest.raises(AudiotagError, match=r"stacked/member-2/card\.json is missing or is not that of second"):
        open_tagger(folder)
    shutil.copy(blends("stacked") / "member-2" / "card.json", card)
    stacker = next(folder.glob("stacker-*.safetensors"))
    stacker.write_bytes(stacker.read_bytes()[:-1])
    with pytest.raises(AudiotagError, match="is damaged: its checksum is not the card's"):
        open_tagger(folder)


def test_one_network_is_asked_for_where_a_blend_cannot_be_used(blends: Blends) -> None:
    with pytest.raises(AudiotagError, match="plain is a blend, and this needs an ensemble of one network, such as"):
        Tagger(blends("plain"))


def test_calibrated_scores_keep_the_tags(blends: Blends, new_clip: Path) -> None:
    tagger = open_tagger(blends("plain"))
    plain, calibrated = tagger.tag(new_clip), open_tagger(blends("plain"), TagSettings(calibrated=True)).tag(new_clip)
    assert [tag.label for tag in plain.tags] == [tag.label for tag in calibrated.tags]
    assert read_card(blends("plain")).calibration is not None


def test_a_window_rule_counts_for_members_whose_crops_are_cut_from_spectrograms(
    blends: Blends, trained: Any, new_clip: Path, tmp_path: Path
) -> None:
    second = shutil.copytree(trained.members[1], tmp_path / "second")
    card = json.loads((second / "card.json").read_text())
    card["spectrogram"]["crop"] = "spectrogram"
    (second / "card.json").write_text(json.dumps(card))
    mixed = make_blend(BlendSettings("mixed", (trained.members[0], second)), tmp_path)
    rule = TagSettings(window_rule="spread", overlap=0.3)
    tagger = open_tagger(mixed, rule)
    assert [member.settings.window_rule for member in tagger.parts] == [None, "spread"]
    first, other = tagger.member_tags(tagger.evidence(new_clip), rule)
    np.testing.assert_array_equal(
        first.timeline, Tagger(trained.members[0], TagSettings(overlap=0.3)).tag(new_clip).timeline
    )
    np.testing.assert_array_equal(other.timeline, Tagger(second, rule).tag(new_clip).timeline)
    with pytest.raises(
        AudiotagError, match="window_rule must be left out for plain, the crops of whose members are all"
    ):
        open_tagger(blends("plain"), rule)


def test_voters_are_called_what_they_are(blends: Blends, new_clip: Path) -> None:
    for name, folds, words in (
        ("plain", (), "members"), ("stacked", (), "members and stackers"), ("stacked", (5,), "stacker"),
    ):  # fmt: skip
        assert open_tagger(blends(name), TagSettings(folds=folds)).tag(new_clip).voter_words == words


def test_weights_count_as_shares_of_the_logarithms() -> None:
    scores = np.array([[0.9, 0.0], [0.1, 0.0]])
    np.testing.assert_allclose(fuse_voters(scores, "geometric", (3, 1)), [0.9**0.75 * 0.1**0.25, 0])
    np.testing.assert_allclose(fuse_voters(scores, "mean", (3, 1)), [0.7, 0])
    np.testing.assert_allclose(fuse_voters(scores, "mean", (6, 2)), fuse_voters(scores, "mean", (3, 1)))


def test_a_timeline_is_interpolated_between_the_centres_of_its_windows() -> None:
    timeline, times = np.array([[0.0], [1.0], [0.5]]), np.array([0.5, 1.5, 2.5])
    wanted = np.array([0.0, 0.5, 1.0, 2.0, 9.0])
    np.testing.assert_allclose(at_times(timeline, times, wanted)[:, 0], [0, 0, 0.5, 0.75, 0.5])
    np.testing.assert_allclose(at_times(timeline[:1], times[:1], wanted)[:, 0], 0)
