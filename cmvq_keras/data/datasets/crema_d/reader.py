"""CREMA-D: `crema_d/VideoFlash/{clip}.flv`, `AudioWAV/{clip}.wav` and
`VideoDemographics.csv`, as in the official repository."""

import dataclasses
import pathlib

import numpy as np

from cmvq_keras import validation
from cmvq_keras.data.datasets import sources
from cmvq_keras.data.datasets.crema_d import splits
from cmvq_keras.data.datasets.crema_d.actors import check, read_actors
from cmvq_keras.data.datasets.crema_d.clips import OFFSETS, Item, Reader
from cmvq_keras.data.datasets.crema_d.names import DAMAGED, EMOTIONS, SOUND_IN_WAV
from cmvq_keras.data.datasets.crema_d.splits import ACTORS
from cmvq_keras.data.datasets.unused import unused
from cmvq_keras.data.decoding import reason_of
from cmvq_keras.data.formats import audio, containers, video
from cmvq_keras.data.listing import Group, Listing, SkippedSample
from cmvq_keras.data.transforms import clips
from cmvq_keras.recipe import Recipe


def open_split(recipe, split, data_dir=None):
    """One split of CREMA-D, in an order by `data.seed`.

    Args:
        recipe: a `Recipe` with some of the modalities "image" and "audio", and the
            settings of `cmvq_keras.data.datasets.crema_d.splits.members` and
            `data.frames`: so many frames of a clip are drawn to train with.
        split: "train", "validation" or "test".
        data_dir: the data root, see `cmvq_keras.data.datasets.sources.data_root`.

    Returns:
        `cmvq_keras.data.listing.Listing`. Attributes: actor, sex, race, ethnicity,
        age, sentence, level; frames, relative to the middle one; with "audio" sound,
        "clip" or "wav", where it is taken from.

    Raises:
        FileNotFoundError: without the folders that are needed or the actors' table.
        ValueError: for settings out of range, and for lists and tables that are not
            as they have to be.
    """
    for name in recipe.modalities:
        validation.one_of(name, ("image", "audio"), "modality")
    clips.check_frames(recipe.data, OFFSETS)
    table = sources.find("crema_d", "VideoDemographics.csv", data_dir)
    actors = read_actors(table)
    names = splits.members(recipe.data, split, actors)
    check(names, actors, table)
    order = np.random.default_rng(recipe.data["seed"]).permutation(len(names))
    files = _Files.of(recipe, split, data_dir)
    items, skipped = {}, []
    for name in (names[row] for row in order):
        try:
            items[name] = files.locate(name)
        except (ValueError, OSError) as error:
            skipped.append(
                SkippedSample(name.clip, reason_of(error), name.clip in DAMAGED)
            )
    return Listing(
        names=[name.clip for name in items],
        groups=(Group(list(items.values()), Reader.of(recipe)),),
        labels=np.array(
            [recipe.classes.index(EMOTIONS[name.emotion]) for name in items], np.int64
        ),
        attributes=_attributes(items, actors, recipe),
        disjoint=("actor",) if recipe.data["split"] == ACTORS else (),
        skipped=(*skipped, *(files.unused() if split == "train" else ())),
        tolerant=True,
        missing_hint=sources.how_to_get("crema_d"),
    )


@dataclasses.dataclass(frozen=True)
class _Files:
    """Where a split's clips are, and what is to be taken of them."""

    recipe: Recipe
    split: str
    flv: pathlib.Path | None
    wav: pathlib.Path | None
    clips: dict  # paths by the clips' names
    sounds: dict

    @classmethod
    def of(cls, recipe, split, data_dir):
        folders = [
            sources.data_root(data_dir) / "crema_d" / name
            for name in ("VideoFlash", "AudioWAV")
        ]
        flv, wav = (folder if folder.is_dir() else None for folder in folders)
        if flv is None and ("image" in recipe.modalities or wav is None):
            sources.find("crema_d", "VideoFlash/", data_dir)
        wav = wav if "audio" in recipe.modalities else None
        found = _by_clip(flv, video.ENDINGS), _by_clip(wav, audio.ENDINGS)
        return cls(recipe, split, flv, wav, *found)

    def unused(self):
        """`SkippedSample`s: what lies in the folders and is no official clip."""
        folders = [(self.flv, self.clips), (self.wav, self.sounds)]
        return tuple(
            each
            for folder, found in folders
            if folder
            for each in unused(
                folder,
                [path.name for name, path in found.items() if name in splits.known()],
                "its name is not that of a CREMA-D clip",
            )
        )

    def locate(self, name):
        """The `Item` of a clip.

        Raises:
            ValueError, OSError: for a clip that cannot be used, and why.
        """
        if name.clip in DAMAGED:
            raise ValueError(DAMAGED[name.clip])
        wav = self.sounds.get(name.clip)
        wav = str(wav) if wav and wav.exists() else None
        own_sound = False
        try:
            clip, own_sound = self._clip(name)
        except (ValueError, OSError):
            # The sound alone can do without the clip.
            if wav is None or "image" in self.recipe.modalities:
                raise
            clip = None
        if "audio" in self.recipe.modalities and not own_sound and wav is None:
            raise ValueError(f"{clip} has no sound, and {name.clip}.wav is missing")
        return Item(clip, wav, self._offsets(name), own_sound)

    def _clip(self, name):
        """A clip's path, and whether its sound can be taken from it."""
        if self.flv is None:
            raise FileNotFoundError(f"VideoFlash/{name.clip}.flv is missing")
        # Copies in other formats are known, of which MP4 is the most common.
        path = str(self.clips.get(name.clip, self.flv / f"{name.clip}.flv"))
        head = containers.read_head(path)
        silent = containers.states_no_sound(head) or name.clip in SOUND_IN_WAV
        return path, not silent

    def _offsets(self, name):
        data = self.recipe.data
        if self.split != "train":
            return (0,)
        return clips.draw_offsets(name.clip, OFFSETS, data["frames"], data["seed"])


def _by_clip(folder, endings):
    """Paths of a folder by their names without the ending; the first ending wins."""
    found = {}
    for path in sorted(folder.iterdir()) if folder else ():
        ending = path.suffix.lower()
        if ending in endings:
            found.setdefault(path.stem, []).append((endings.index(ending), path))
    return {stem: min(paths)[1] for stem, paths in found.items()}


def _attributes(items, actors, recipe):
    people = [actors[name.actor] for name in items]
    columns = {
        "actor": [str(name.actor) for name in items],
        "sex": [person.sex for person in people],
        "race": [person.race for person in people],
        "ethnicity": [person.ethnicity for person in people],
        "age": [str(person.age) for person in people],
        "sentence": [name.sentence for name in items],
        "level": [name.level for name in items],
    }
    if "image" in recipe.modalities:
        columns["frames"] = [
            clips.offsets_shown(item.offsets) for item in items.values()
        ]
    if "audio" in recipe.modalities:
        columns["sound"] = [
            "clip" if item.own_sound else "wav" for item in items.values()
        ]
    return columns
