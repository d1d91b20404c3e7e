"""Stretches of speech and of noise, varied as microphones, rooms and places vary them.

Speech comes twice: as it is heard (with its background and its room) and as it should come out (without the
background, with the early part of the room).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import soxr
from scipy import signal as dsp
from scipy.ndimage import uniform_filter
from speech_sources import RATE_HZ, Noise, Speaker

Array = npt.NDArray[np.floating]
Random = np.random.Generator

LENGTH = 4 * RATE_HZ
GROUPS = {"read": 0.40, "announcements": 0.30, "crowd": 0.12, "words": 0.07, "digits": 0.11}
"""Shares of the stretches of speech."""
DIGIT_GROUPS = {"digits": 0.65, "words": 0.15, "announcements": 0.20}
"""Shares of the stretches that are mostly digits."""
KIND_WEIGHTS = {"ambience": 3.2, "game": 3.5, "machines": 1.2}
"""How often recorded noises are taken, beside 0.8 for each other kind."""
SAFE_HZ = 7600
"""Highest frequency of a synthesised partial."""
HIGHPASS = dsp.butter(2, 50, "high", fs=RATE_HZ, output="sos")


def draw_speech(
    speakers: Sequence[Speaker], random: Random, groups: dict[str, float], room_share: float, floor: float
) -> tuple[Array, Array]:
    """Draw a stretch of one speaker at a level of 1: as it is heard, and as it should come out.

    Args:
        speakers: to draw from.
        random: where everything random comes from.
        groups: shares of the groups of speakers.
        room_share: share of the stretches in a synthesised room.
        floor: lowest power gain by which the background of a recording is taken off.
    """
    group = random.choice(list(groups), p=list(groups.values()))
    those = [speaker for speaker in speakers if speaker.group == group]
    heard, wanted = _concatenated(those[random.integers(len(those))], random, floor)
    if random.random() < 0.6:
        seed, spread_db = int(random.integers(1 << 30)), random.uniform(0, 4)
        heard, wanted = (equalised(one, np.random.default_rng(seed), spread_db) for one in (heard, wanted))
    if group != "crowd" and random.random() < room_share:
        room = draw_room(random)
        early, start = room.copy(), round(0.03 * RATE_HZ)
        early[start:] *= np.exp(-np.arange(len(room) - start) / (0.008 * RATE_HZ))
        heard, wanted = dsp.fftconvolve(heard, room)[:LENGTH], dsp.fftconvolve(wanted, early)[:LENGTH]
    level = active_level(wanted)
    return heard / level, wanted / level


def _concatenated(speaker: Speaker, random: Random, floor: float) -> tuple[Array, Array]:
    """Clips of a speaker with pauses between, at a random speed."""
    short, crowd = speaker.group in ("words", "digits"), speaker.group == "crowd"
    speed = random.uniform(0.93, 1.08) if crowd else random.uniform(0.88, 1.18)
    heard = np.zeros(round(LENGTH * 1.2) + RATE_HZ // 2)
    wanted = heard.copy()
    place = round(random.uniform(0, 0.8) * RATE_HZ) if random.random() < 0.6 else 0
    trimmed, first = short and random.random() < 0.5, True
    while place < LENGTH * speed:
        clip = speaker.clips[random.integers(len(speaker.clips))]
        if trimmed:
            clip = _trimmed(clip)
        if first and not short and len(clip) > RATE_HZ and random.random() < 0.6:
            clip = clip[random.integers(len(clip) // 2) :]
        clip, first = dsp.sosfilt(HIGHPASS, clip), False
        if not crowd:
            clip = clip * 10 ** (random.uniform(-2, 2) / 20) / (np.sqrt(np.mean(clip**2)) + 1e-4)
        clip = clip[: len(heard) - place]
        heard[place : place + len(clip)] += clip
        wanted[place : place + len(clip)] += without_background(clip, floor)
        pause_s = random.uniform(0.02, 0.5) if random.random() < 0.8 else random.uniform(0.5, 1.5)
        place += len(clip) + round(RATE_HZ * pause_s)
    return tuple(_fitted(soxr.resample(one, RATE_HZ * speed, RATE_HZ)) for one in (heard, wanted))


def _trimmed(clip: Array) -> Array:
    loud = np.flatnonzero(np.abs(clip) > 0.03 * np.abs(clip).max())
    return clip[max(0, loud[0] - 200) : loud[-1] + 400] if len(loud) else clip


def _fitted(signal: Array) -> Array:
    return np.pad(signal, (0, max(0, LENGTH - len(signal))))[:LENGTH]


def without_background(clip: Array, floor: float) -> Array:
    """Spectral subtraction of what is quietest in each bin, over a recording that is nearly clean."""
    if len(clip) < 2048:
        return clip
    _, _, spectrum = dsp.stft(clip, nperseg=512, noverlap=384)
    power = np.abs(spectrum) ** 2
    live = power.sum(axis=0) > 1e-10  # a gate before us leaves frames of zeros
    if live.sum() < 8:
        return clip
    power = uniform_filter(power, (3, 5))
    quiet, middle = np.quantile(power[:, live], [0.08, 0.5], axis=1)[..., None]
    background = np.minimum(quiet, middle / 3)
    gain = np.clip(1 - 3 * background / (power + 1e-14), floor, 1)
    _, cleaned = dsp.istft(spectrum * np.sqrt(uniform_filter(gain, 3)), nperseg=512, noverlap=384)
    return np.pad(cleaned, (0, max(0, len(clip) - len(cleaned))))[: len(clip)]


def equalised(signal: Array, random: Random, spread_db: float) -> Array:
    """Apply a random smooth equaliser."""
    points_hz = np.array([0, 120, 300, 700, 1500, 3000, 5000, 8000])
    frequency_hz = np.fft.rfftfreq(len(signal), 1 / RATE_HZ)
    gain_db = np.interp(
        np.log(frequency_hz + 50), np.log(points_hz + 50), random.normal(0, spread_db, len(points_hz))
    )
    return np.fft.irfft(np.fft.rfft(signal) * 10 ** (gain_db / 20), len(signal))


def draw_room(random: Random) -> Array:
    """Impulse response of a room: the direct sound, and sparse reflections that become dense and dull."""
    t60_s = np.exp(random.uniform(np.log(0.12), np.log(0.7)))
    time_s = np.arange(round(t60_s * RATE_HZ)) / RATE_HZ
    response = random.standard_normal(len(time_s)) * 10 ** (-3 * time_s / t60_s)
    response *= (time_s >= 0.003) & (random.random(len(time_s)) < np.minimum(1, 40 * time_s))
    dull = random.uniform(0.1, 0.6)
    response = dsp.lfilter([1 - dull], [1, -dull], response)
    response *= 10 ** (-random.uniform(0, 14) / 20) / (np.sqrt(np.sum(response**2)) + 1e-9)
    response[0] = 1
    return response


def active_level(signal: Array) -> float:
    """RMS of the frames of 20 ms that are within 17 dB of the loudest."""
    power = np.mean(signal[: len(signal) // 320 * 320].reshape(-1, 320) ** 2, axis=1)
    return float(np.sqrt(power[power > 0.02 * power.max()].mean()) + 1e-6) if power.max() > 0 else 1.0


def draw_noise(noises: Sequence[Noise], talkers: Sequence[Array], random: Random) -> Array:
    """Draw a stretch of noise of variance 1: recorded, babble of talkers, coloured, tonal or clicks."""
    draw = random.choice(5, p=[0.50, 0.22, 0.10, 0.13, 0.05])
    makers = (
        lambda: _recorded(noises, random),
        lambda: _babble(talkers, random),
        lambda: _fluctuating(random),
        lambda: _tonal(random),
        lambda: _clicks(random),
    )
    noise = makers[draw]()
    if random.random() < 0.6:
        noise = equalised(noise, random, random.uniform(0, 5))
    if random.random() < 0.15:
        noise = dsp.fftconvolve(noise, draw_room(random))[:LENGTH]
    noise = dsp.sosfilt(HIGHPASS, noise) if random.random() < 0.4 else noise - noise.mean()
    deviation = np.std(noise)
    return noise / deviation if deviation > 1e-5 else draw_noise(noises, talkers, random)


def _recorded(noises: Sequence[Noise], random: Random) -> Array:
    kinds = sorted({noise.kind for noise in noises})
    weights = np.array([KIND_WEIGHTS.get(kind, 0.8) for kind in kinds])
    kind = random.choice(kinds, p=weights / weights.sum())
    those = [noise.signal for noise in noises if noise.kind == kind]
    signal, speed = (
        those[random.integers(len(those))],
        random.uniform(0.75, 1.3) if random.random() < 0.7 else 1.0,
    )
    length = round(LENGTH * speed) + 200
    signal = np.tile(signal, -(-length // len(signal)))
    start = random.integers(len(signal) - length + 1)
    return _fitted(soxr.resample(signal[start : start + length], RATE_HZ * speed, RATE_HZ))


def _babble(talkers: Sequence[Array], random: Random) -> Array:
    count = random.choice([1, 2, 3, 5, 8, 12, 20], p=[0.05, 0.07, 0.13, 0.2, 0.2, 0.2, 0.15])
    noise = np.zeros(LENGTH)
    for _ in range(count):
        talker = np.roll(talkers[random.integers(len(talkers))], random.integers(LENGTH))
        noise += talker * 10 ** (random.normal(0, 4) / 20)
    if random.random() < 0.8:
        noise = dsp.fftconvolve(noise, draw_room(random))[:LENGTH]
    if random.random() < 0.6:
        noise += np.std(noise) * random.uniform(0.05, 0.7) * _coloured(random)
    return noise


def _coloured(random: Random) -> Array:
    """Noise of variance 1 whose spectrum falls or rises, with bumps."""
    points_hz = np.array([0, 100, 250, 500, 1000, 2000, 4000, 8000])
    gain_db = 0.7 * random.uniform(-9, 2) * np.log2((points_hz + 80) / 1000)
    gain_db += random.normal(0, 3, len(points_hz))
    frequency_hz = np.fft.rfftfreq(LENGTH, 1 / RATE_HZ)
    spectrum = random.standard_normal(len(frequency_hz)) + 1j * random.standard_normal(len(frequency_hz))
    noise = np.fft.irfft(spectrum * 10 ** (np.interp(frequency_hz, points_hz, gain_db) / 20), LENGTH)
    return noise / np.std(noise)


def _fluctuating(random: Random) -> Array:
    if random.random() >= 0.6:
        return _coloured(random)
    rate_hz = np.exp(random.uniform(np.log(0.5), np.log(12)))
    return _coloured(random) * _slow(random, rate_hz, random.uniform(0, 6))


def _slow(random: Random, rate_hz: float, spread_db: float) -> Array:
    """A gain that wanders."""
    points = max(4, int(LENGTH / RATE_HZ * rate_hz) + 3)
    gain_db = np.interp(
        np.linspace(0, points - 1, LENGTH), np.arange(points), random.normal(0, spread_db, points)
    )
    return 10 ** (gain_db / 20)


def _tonal(random: Random) -> Array:
    makers = (_beeps, _siren, _engine, _bells, _chords, _birds)
    noise = makers[random.integers(len(makers))](random)
    if random.random() < 0.6:
        noise = noise + np.std(noise) * random.uniform(0, 0.4) * _coloured(random)
    return noise


def _phase(frequency_hz: Array) -> Array:
    return 2 * np.pi * np.cumsum(frequency_hz) / RATE_HZ


def _beeps(random: Random) -> Array:
    time_s = np.arange(LENGTH) / RATE_HZ
    base_hz = np.exp(random.uniform(np.log(400), np.log(4500)))
    period_s, duty = random.uniform(0.1, 1.2), random.uniform(0.2, 0.8)
    other = random.uniform(0.7, 1.5) if random.random() < 0.5 else 1.0
    phase = _phase(base_hz * np.where((time_s // period_s).astype(int) % 2, other, 1.0))
    partials = (
        np.sin(k * phase + random.uniform(0, 6)) * random.uniform(0.1, 1) / k
        for k in range(1, random.integers(2, 5))
        if k * base_hz < SAFE_HZ or k == 1
    )
    envelope = np.sin(np.pi * np.clip((time_s % period_s) / period_s / duty, 0, 1))
    return sum(partials) * np.clip(8 * envelope, 0, 1)


def _siren(random: Random) -> Array:
    time_s = np.arange(LENGTH) / RATE_HZ
    low_hz, rate_hz = random.uniform(300, 1200), random.uniform(0.15, 6)
    high_hz = low_hz * random.uniform(1.2, 3)
    saw, wave = (time_s * rate_hz) % 1, 0.5 - 0.5 * np.cos(2 * np.pi * rate_hz * time_s)
    phase = _phase(low_hz + (high_hz - low_hz) * (saw if random.random() < 0.4 else wave))
    fall = random.uniform(0.5, 1.5)
    return sum(np.sin(k * phase) / k**fall for k in range(1, random.integers(2, 6)))


def _engine(random: Random) -> Array:
    base_hz = np.exp(random.uniform(np.log(25), np.log(250)))
    phase = _phase(base_hz * _slow(random, 1.5, random.uniform(0, 0.6)))
    count, fall = min(60, int(SAFE_HZ / base_hz / 1.3)), random.uniform(0.02, 0.3)
    gain = np.exp(-fall * np.arange(1, count + 1)) * 10 ** (random.normal(0, 6, count) / 20)
    noise = sum(gain[k - 1] * np.sin(k * phase + random.uniform(0, 6)) for k in range(1, count + 1))
    return noise + random.uniform(0, 1) * np.std(noise) * _coloured(random)


def _bells(random: Random) -> Array:
    noise = np.zeros(LENGTH)
    for _ in range(random.integers(1, 9)):
        start, base_hz = random.integers(LENGTH), np.exp(random.uniform(np.log(250), np.log(3500)))
        time_s = np.arange(LENGTH - start) / RATE_HZ
        for ratio in (1, 2.0, 2.76, 4.1, 5.4):
            if base_hz * ratio < SAFE_HZ:
                decay = np.exp(-time_s * ratio / random.uniform(0.1, 1.5))
                tone = np.sin(2 * np.pi * base_hz * ratio * time_s)
                noise[start:] += random.uniform(0.1, 1) / ratio * tone * decay
    return noise


def _chords(random: Random) -> Array:
    noise, start, dull = np.zeros(LENGTH), 0, random.integers(3)
    while start < LENGTH:
        length = min(round(random.uniform(0.12, 0.8) * RATE_HZ), LENGTH - start)
        time_s, base_hz = np.arange(length) / RATE_HZ, 110 * 2 ** (random.integers(0, 30) / 12)
        for interval in random.choice(
            [0, 3, 4, 7, 10, 12, 16, 19], size=random.integers(1, 4), replace=False
        ):
            note_hz = base_hz * 2 ** (interval / 12)
            for k in range(1, min(8, int(SAFE_HZ / note_hz)) + 1):
                decay = np.exp(-time_s * k * (0.5 + dull))
                tone = np.sin(2 * np.pi * k * note_hz * time_s)
                noise[start : start + length] += tone / k ** (1 + 0.5 * dull) * decay
        start += length
    return noise


def _birds(random: Random) -> Array:
    noise = np.zeros(LENGTH)
    for _ in range(random.integers(3, 40)):
        length = round(random.uniform(0.03, 0.25) * RATE_HZ)
        start, share = random.integers(LENGTH - length), np.arange(length) / length
        turn = 0.1 * np.sin(2 * np.pi * random.uniform(1, 8) * share)
        frequency_hz = random.uniform(1500, 5500) * (1 + random.uniform(-0.4, 0.4) * share + turn)
        call = np.hanning(length) * np.sin(_phase(frequency_hz))
        noise[start : start + length] += random.uniform(0.2, 1) * call
    return noise


def _clicks(random: Random) -> Array:
    noise, place_s = 0.05 * _coloured(random), 0.0
    while (place_s := place_s + random.exponential(random.uniform(0.05, 0.6))) < LENGTH / RATE_HZ:
        start = int(place_s * RATE_HZ)
        length = min(round(random.uniform(0.004, 0.12) * RATE_HZ), LENGTH - start)
        click = random.standard_normal(length) * np.exp(-np.arange(length) * random.uniform(3, 9) / length)
        if random.random() < 0.5:
            edges_hz = np.sort(np.exp(random.uniform(np.log(200), np.log(7000), 2))) * [0.9, 1.1]
            click = dsp.sosfilt(dsp.butter(1, edges_hz, "band", fs=RATE_HZ, output="sos"), click)
        noise[start : start + length] += click * 10 ** (random.normal(0, 6) / 20) / (np.std(click) + 1e-6)
    return noise
