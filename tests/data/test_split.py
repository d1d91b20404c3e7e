"""A folder, a file or a stretch of time is on one side only."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dan.core.errors import DanError
from dan.data.index import Corpus, IndexEntry, index
from dan.data.split import follow, halve, pair, split


def entry(name, length=16000, *, start=0, digest=None, rate_hz=8000.0, channels=(0,)):
    return IndexEntry(Path("/c") / name, name, rate_hz, channels, digest or name, start, start + length)


def corpus(*names, root="/c", **values):
    return Corpus(Path(root), tuple(entry(name, **values) for name in sorted(names)))


SPEAKERS = corpus(*(f"{speaker}/{number}.wav" for speaker in "abcd" for number in range(5)))


def parts(material, seed=0, **settings):
    sides = split(material, random=np.random.default_rng(seed), **settings)
    return sides.train.entries, sides.validation.entries, sides.note


def names(entries):
    return {one.name for one in entries}


def test_folders_are_split_where_there_are_two():
    train, validation, note = parts(SPEAKERS)
    assert names(train) | names(validation) == names(SPEAKERS.entries)
    assert len({one.folder for one in validation}) == 1 and len({one.folder for one in train}) == 3
    assert validation[0].folder not in {one.folder for one in train}
    assert f"1 folder ({validation[0].folder}) of 4" in note
    assert len({parts(SPEAKERS, seed)[2] for seed in range(20)}) == 4  # drawn by the seed
    assert parts(SPEAKERS, 3) == parts(SPEAKERS, 3)


@given(
    st.integers(2, 30),
    st.one_of(
        st.fixed_dictionaries({"held_out_share": st.floats(0.01, 0.99)}),
        st.fixed_dictionaries({"held_out_count": st.integers(1, 29)}),
    ),
    st.integers(0, 5),
)
def test_files_are_split_whole(count, held_out, seed):
    material = corpus(*(f"{number:02d}.wav" for number in range(count)))
    share = max(1, min(count - 1, round(held_out.get("held_out_share", 0) * count)))
    number = held_out.get("held_out_count", share)
    if number >= count:
        with pytest.raises(DanError, match="leave none to train on"):
            parts(material, seed, **held_out)
        return
    train, validation, _ = parts(material, seed, **held_out)
    assert len(validation) == number and names(train) == names(material.entries) - names(validation)


@pytest.mark.parametrize("by", ["auto", "file"])
def test_a_single_recording_is_cut_in_time_with_a_gap(by):
    (train,), (validation,), note = parts(
        corpus("a.npy", length=80000), by=by, held_out_share=0.25, gap_s=0.5
    )
    assert (train.start, train.stop, validation.start, validation.stop) == (0, 56000, 60000, 80000)
    assert train.channels == validation.channels and "the last 25% (2.5 s) of 1 file (a.npy)" in note


@pytest.mark.parametrize(
    ("least_s", "held_out_s", "said"), [(0, 3, "3% (3 s)"), (12, 12, "12% (12 s)"), (60, 33, "33% (33 s)")]
)
def test_what_is_held_out_of_short_material_lasts_long_enough(least_s, held_out_s, said):
    """Up to a third of what is left of 100 s without the gap."""
    settings = {"held_out_share": 0.03, "least_s": least_s}
    (train,), (validation,), note = parts(corpus("a.npy", length=800_000), **settings)
    assert validation.length_samples == held_out_s * 8000 and f"the last {said} of" in note
    assert train.stop + 8000 == validation.start
    halves = corpus("a.npy", "b.npy", length=400_000)
    train, validation, note = parts(halves, by="time", **settings)
    assert sum(one.length_samples for one in validation) == pytest.approx(held_out_s * 8000, rel=0.02)


@given(st.integers(64, 100_000), st.floats(0.01, 0.5), st.floats(0, 20))
def test_holding_more_out_leaves_no_less_to_either_side_than_is_needed(length, share, least_s):
    material, settings = corpus("a.npy", length=length), {"held_out_share": share, "gap_s": 0.1}
    try:
        before = parts(material, **settings)
    except DanError:
        return
    after = parts(material, least_s=least_s, **settings)
    (train,), (validation,), _ = after
    assert before == after or validation.length_samples <= train.length_samples / 2


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        ({"least_s": 0}, 1),
        ({"least_s": 2}, 1),
        ({"least_s": 7}, 4),  # of 2 s each
        ({"least_s": 100}, 6),
        ({"least_s": 100, "held_out_share": 0.5}, 10),
        ({"least_s": 100, "held_out_count": 2}, 2),
    ],
)
def test_as_many_files_are_held_out_as_last_long_enough(settings, count):
    settings = {"by": "file", "held_out_share": 0.03} | settings
    _, validation, note = parts(SPEAKERS, **settings)
    assert len(validation) == count and f" of 20, {2 * count} s" in note


def test_asking_for_time_cuts_every_recording():
    train, validation, _ = parts(SPEAKERS, by="time", gap_s=0.1)
    assert names(train) == names(validation) == names(SPEAKERS.entries)
    assert all(one.stop + 800 == other.start for one, other in zip(train, validation, strict=True))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"by": "folder"}, r"with 1 folder: .*split by file or time: --set recordings.clean_split=time"),
        ({"by": "folder", "setting": "recordings.noise_split"}, "--set recordings.noise_split=time"),
        ({"held_out_count": 3}, "split in time"),
        ({"gap_s": 1.9}, "too short"),
    ],
)
def test_what_cannot_be_split_is_refused(settings, said):
    with pytest.raises(DanError, match=said):
        parts(corpus("a.wav"), **settings)


def test_the_same_recording_on_both_sides_is_refused_by_name(tmp_path):
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", np.sin(np.arange(16000.0)))
    with pytest.raises(DanError, match=r"(a|b)\.npy and .*(a|b)\.npy: .*in training and in validation"):
        parts(index(tmp_path, sample_rate_hz=8000))


def test_a_pair_has_the_same_suffix_where_there_are_two():
    one, other = corpus("x.flac", "x.wav"), corpus("x.flac", "x.wav", root="/n")
    first, second = pair(one, other)
    assert [entry.name for entry in first.entries] == [entry.name for entry in second.entries]
    with pytest.raises(DanError, match=r"x\.wav: it has no partner of its own in /n"):
        pair(one, corpus("x.aiff", root="/n"))


def test_pairs_are_found_and_cut_alike():
    clean = corpus("a/1.wav", "a/2.wav", "b/1.wav", channels=(0, 1))
    noisy = corpus("a/1.flac", "a/2.flac", "b/1.flac", channels=(1, 2))
    clean, noisy = pair(clean, noisy)
    assert [one.channels for one in (*clean.entries, *noisy.entries)] == [(1,)] * 6
    sides = split(clean, by="time", random=np.random.default_rng(0))
    for side in (sides.train, sides.validation):
        partners = follow(side, noisy)
        assert [one.name[:3] for one in partners.entries] == [one.name[:3] for one in side.entries]
        cuts = [[(one.start, one.stop) for one in half.entries] for half in (side, partners)]
        assert cuts[0] == cuts[1]


@pytest.mark.parametrize(
    ("noisy", "said"),
    [
        (corpus("a.wav"), "b.wav: it has no partner"),
        (corpus("a.wav", "b.wav", "c.wav"), "c.wav: it has no partner"),
        (corpus("a.wav", "b.wav", length=15999), "not 16000 and 15999 samples long"),
        (corpus("a.wav", "b.wav", rate_hz=16000.0), "not 8000 and 16000 Hz"),
        (corpus("a.wav", "b.wav", channels=(1,)), "no channel"),
    ],
)
def test_what_does_not_belong_together_is_refused(noisy, said):
    with pytest.raises(DanError, match=said):
        pair(corpus("a.wav", "b.wav"), replace(noisy, folder=Path("/noisy")))


def test_of_two_files_one_is_held_back_and_none_is_cut():
    train, validation, _ = parts(corpus("a.wav", "b.wav"), by="file")
    assert len(train) == len(validation) == 1 and names(train) != names(validation)


def test_halves_share_no_sample_and_leave_none_out():
    one, other = halve(corpus(*"abcde"))
    assert (names(one.entries), names(other.entries)) == ({"a", "c", "e"}, {"b", "d"})
    first, second = (half.entries[0] for half in halve(corpus("a", start=100, length=200)))
    assert (first.start, first.stop, second.start, second.stop) == (100, 200, 200, 300)
