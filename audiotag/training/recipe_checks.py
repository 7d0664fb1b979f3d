"""Check that the parts of a recipe fit together, such as its network, its augmentations and the spectrogram."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from audiotag.augmentation.base import Mixer
from audiotag.augmentation.chain import Chain
from audiotag.checks import error_path, readable, require
from audiotag.features.settings import DELTA_FRAMES, SpectrogramSettings
from audiotag.networks.base import check_network_input
from audiotag.training.losses.base import LOSSES
from audiotag.training.parts import check_part, part_name
from audiotag.training.recipe_fields import RecipeFields
from audiotag.training.schedules.base import SCHEDULES, find_schedule
from audiotag.training.stage import Stage

MAX_NAME_CHARS = 100
MAX_BATCH_VALUES = 2**30  # samples, or values of the network inputs: 4 GiB in single precision


def check_recipe(recipe: RecipeFields) -> None:
    """Raise `AudiotagError` if a recipe's name is not a plain one, or if parts that are valid do not fit together."""
    require(
        0 < len(recipe.name) <= MAX_NAME_CHARS
        and recipe.name.isprintable()
        and Path(recipe.name).name == recipe.name
        and "\\" not in recipe.name,
        "name",
        f"be a plain name of at most {MAX_NAME_CHARS} characters, because it is part of the name of a run's folder",
        readable(recipe.name),
        "leave it out to use the file's name",
    )
    check_part(recipe.loss, LOSSES, "loss")
    check_part(recipe.schedule, SCHEDULES, "schedule")
    _check_stages(recipe)
    require(
        bool(recipe.lists.trust) or not any(stage.pools and stage.pools.trusted for stage in recipe.stages),
        "lists.trust",
        "name a list where a stage draws from trusted clips",
        "none",
        "it says which noisy clips are trusted",
    )
    require(
        not recipe.negatives or any(stage.negatives for stage in recipe.stages),
        "negatives.share",
        "be 0 where all stages say negatives = false",
        recipe.negatives.share,
        "let one of them have negatives",
    )
    check_network_input(recipe.network, recipe.spectrogram)
    for stage in recipe.stages:
        _check_targets(recipe, stage)
        _check_waveform_input(recipe, stage)
        _check_end(recipe, stage)
        _check_augmentations(recipe, stage)
        _check_batch(recipe, recipe.spectrogram_of(stage))
        fewest, frames = recipe.network.fewest_frames, recipe.frames_of(stage)
        require(
            frames >= fewest,
            "the network input",
            f"have at least {fewest} {recipe.spectrogram.column_unit} for this network",
            frames,
            "lengthen the clip or the crop, or take fewer frames at once",
        )
        fewest, bands = recipe.network.fewest_bands, recipe.spectrogram_of(stage).height
        require(
            bands >= fewest,
            "the network input",
            f"have at least {fewest} bands for this network",
            bands,
            "raise n_mels, or resize or size if one of them is set",
        )


def _check_stages(recipe: RecipeFields) -> None:
    require(len(recipe.stages) > 0, "stages", "hold at least one stage", "none", "add [[stages]]")
    shared = [stage.shared for stage in recipe.stages]
    require(
        shared == sorted(shared, reverse=True) and not all(shared),
        "stages.shared",
        "be true only for leading stages",
        shared,
        "at least one later stage must not be shared, because each fold needs a network of its own",
    )
    both = {s.subset for s in recipe.stages if s.shared} & {s.subset for s in recipe.stages if not s.shared}
    require(
        not both,
        "stages.shared",
        "not be true for a subset that a later stage trains on, or folds would be measured on clips they have seen",
        ", ".join(sorted(both)),
        "share the noisy stages",
    )
    require(
        not recipe.stages[0].agreed,
        "stages.agreed",
        "be 0 in the first stage",
        recipe.stages[0].agreed,
        "there is no network yet that could agree",
    )
    for number, stage in enumerate(recipe.stages):
        _check_agreement(recipe, number, stage)


def _check_agreement(recipe: RecipeFields, number: int, stage: Stage) -> None:
    """Raise if a stage asks the networks of stages that cannot say whether a noisy clip's labels are right."""
    if stage.agreement is None:
        return
    require(
        all(asked <= number and not recipe.stages[asked - 1].shared for asked in stage.agreement.stages),
        "stages.agreement.stages",
        "name earlier stages that are not shared",
        list(stage.agreement.stages),
        "the first stage is 1",
    )
    require(
        any(earlier.subset == "noisy" and not earlier.shared for earlier in recipe.stages[:number]),
        "stages.agreement",
        "follow a noisy stage that is not shared",
        f"stage {number + 1} without one",
        "there each fold holds noisy clips out, which its networks are asked about",
    )


def _check_end(recipe: RecipeFields, stage: Stage) -> None:
    schedule = recipe.schedule_of(stage)
    require(
        not (stage.stop_after and find_schedule(schedule).needs_end),
        "stages.stop_after",
        f"be 0 with the schedule {part_name(schedule)}, whose rates are planned for all epochs",
        stage.stop_after,
        "use plateau or constant",
    )


def _check_targets(recipe: RecipeFields, stage: Stage) -> None:
    """Raise unless what a stage augments its clips with makes as many targets per label as the network has."""
    labels: tuple[str, ...] = ("label",)
    for augmentation in recipe.augment_of(stage):
        labels = augmentation.labels_after(labels)
    outputs = recipe.network.outputs_per_label
    require(
        len(labels) == outputs,
        "augment",
        f"make {outputs} targets per label for this network",
        len(labels),
        "the augmentation flip-labels and the network flip-labels need each other, in each stage",
    )


def _check_batch(recipe: RecipeFields, settings: SpectrogramSettings) -> None:
    """Raise if the waveforms or the network inputs of a batch take too much memory."""
    values = max(settings.clip_samples, settings.channels * settings.height * settings.width)
    require(
        recipe.batch_size * values <= MAX_BATCH_VALUES,
        "batch_size",
        f"be at most {MAX_BATCH_VALUES // values} with these spectrogram settings",
        recipe.batch_size,
        "or shorten clip_s, or lower size, resize or deltas",
    )


def _check_waveform_input(recipe: RecipeFields, stage: Stage) -> None:
    """Raise if the network gets waveforms and something is to change a spectrogram."""
    if recipe.spectrogram.network_input == "log-mel":
        return
    rule = "be 0 where the network gets the waveform, which is not resized"
    require(not stage.size, "stages.size", rule, stage.size, "leave it out")
    others = [augmentation.kind for augmentation in recipe.augment_of(stage) if augmentation.domain != "waveform"]
    require(
        not others,
        "augment",
        "change only waveforms where the network gets the waveform",
        ", ".join(others),
        'give it domain = "waveform" if it has one, or leave it out',
    )


def _check_augmentations(recipe: RecipeFields, stage: Stage) -> None:
    """Raise if one does not fit its batch, such as a mask wider than the spectrogram, which shows when sampled."""
    rng, settings = np.random.default_rng(0), recipe.spectrogram_of(stage)
    chain = Chain.of(recipe.augment_of(stage), stage.mixup)
    mixers = [augmentation.kind for augmentation in chain.on_waveforms if isinstance(augmentation, Mixer)]
    require(
        settings.crop == "waveform" or not mixers,
        "augment",
        "not mix waveforms where crops are cut from spectrograms, because whole clips differ in length",
        ", ".join(mixers),
        'give it domain = "network-input", or set crop to "waveform"',
    )
    for augmentations, (*sides, width) in (
        (chain.on_waveforms, (1, settings.clip_samples)),
        (chain.on_log_mels, (1, 1, settings.n_mels, settings.frames)),
        (chain.on_network_inputs, (1, settings.channels, settings.height, settings.width)),
    ):
        for augmentation in augmentations:
            with error_path(f"augment, {augmentation.kind}: "):
                augmentation.sample(rng, (*sides, width))
            width = augmentation.frames_after(width)
        require(
            width >= DELTA_FRAMES or not settings.deltas or settings.delta_filter == "slope",
            "the network input",
            f"have at least {DELTA_FRAMES} frames for its deltas",
            width,
            "take more frames in the crop",
        )
