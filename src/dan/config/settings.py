"""The typed, strict settings that a recipe is made of; docs/recipes.md is generated from them.

This module knows what is legal. Reading recipes and overriding keys is the job of `recipes`.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

Number = TypeVar("Number", int, float)
Unit = Annotated[float, Field(ge=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Db = Annotated[float, Field(ge=-60, le=60)]
NonNegative = Annotated[float, Field(ge=0)]
Colour = Literal["white", "pink", "brown", "blue", "violet"]
NoiseKind = Literal["colours", "hum", "wander", "muscle", "motion", "blinks"]
SplitBy = Literal["auto", "file", "folder", "time"]
SignalKind = Literal["tones", "speech", "ecg", "eeg"]
"""What signals are: it says which metrics judge them."""


MOST_SAMPLES = 2**24
"""Of a signal to train on."""
LOUDNESS_FROM_HZ = 2000
"""Below this rate hearing has few bands."""


class Settings(BaseModel):
    """A frozen section of a recipe in which an unknown key or a wrong type is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


def bounds(value: Number | tuple[Number, Number]) -> tuple[Number, Number]:
    """A number or a range as a range ``(low, high)``."""
    return value if isinstance(value, tuple) else (value, value)


class SignalSettings(Settings):
    """What a signal is."""

    sample_rate_hz: PositiveFloat = 256.0
    """Samples a second."""
    duration_s: PositiveFloat = 1.0
    """Length of a signal to train on."""

    @model_validator(mode="after")
    def _holdable(self) -> SignalSettings:
        if self.duration_s * self.sample_rate_hz > MOST_SAMPLES:
            raise ValueError(f"duration_s={self.duration_s:g} is over {MOST_SAMPLES} samples")
        return self

    @property
    def length_samples(self) -> int:
        """Samples of one signal, at least 1."""
        return max(1, round(self.duration_s * self.sample_rate_hz))


class ToneSettings(Settings):
    """Clean signals: the mean of a number of sines."""

    sines: PositiveInt | tuple[PositiveInt, PositiveInt] = 3
    """How many, or the lowest and highest number, drawn anew for each signal."""
    frequency_hz: tuple[NonNegative, NonNegative] = (10.0, 64.0)
    """Lowest and highest frequency; each is drawn uniformly from it."""
    amplitude_spread: Unit = 0.0
    """Each sine's amplitude is drawn uniformly from 1 - spread to 1 + spread."""
    phase_spread_rad: Annotated[float, Field(ge=0, le=3.1416)] = 0.0
    """Each sine's phase at the first sample is drawn uniformly from -spread to +spread."""

    @model_validator(mode="after")
    def _rising(self) -> ToneSettings:
        low, high = bounds(self.sines)
        if low > high or self.frequency_hz[0] >= self.frequency_hz[1]:
            raise ValueError(f"a range rises: sines={self.sines}, frequency_hz={self.frequency_hz}")
        return self


class NoiseSettings(Settings):
    """Synthesised noise, and the SNR at which it is mixed in."""

    colours: Annotated[tuple[Colour, ...], Field(min_length=1)] = ("white",)
    """Colours of the noise, one drawn for each signal: power density as 1, 1/f, 1/f2, f or f2."""
    standard_deviation: PositiveFloat = 0.5
    """Of the noise as it lies in the folder `noise`, before it is scaled to the SNR."""
    hum_hz: NonNegative = 0.0
    """Frequency of mains hum; 0 for none."""
    hum_harmonics: PositiveInt = 5
    """Number of harmonics of the hum, the first included; those from half the rate up are left out."""
    hum_level: Unit = 0.5
    """Share of the noise's energy that is hum, where there is any."""
    kinds: tuple[NoiseKind, ...] = ()
    """Mixed at random proportions for each signal, instead of the above: the colours, hum, the artefacts
    baseline wander, muscle, electrode motion and eye blinks. Empty for the colours and hum as said above."""
    shares: tuple[PositiveFloat, ...] = ()
    """Mean proportion of each kind in the noise's energy; empty for all alike."""
    evenness: PositiveFloat = 1.0
    """Of the proportions: 1 makes all alike likely, less lets one kind dominate, more keeps to the shares."""
    mains_hz: Annotated[tuple[PositiveFloat, ...], Field(min_length=1)] = (50.0, 60.0)
    """Frequencies of the kind `hum`, one drawn for each signal and off by up to 0.2 %; half of the signals
    have no harmonics of it."""
    snr_db: Db | tuple[Db, Db] = -2.0
    """SNR of the mixed signal, or the lowest and highest, drawn uniformly in dB."""

    @property
    def snr_range_db(self) -> tuple[float, float]:
        """The lowest and the highest SNR."""
        return bounds(self.snr_db)

    @model_validator(mode="after")
    def _rising(self) -> NoiseSettings:
        if self.snr_range_db[0] > self.snr_range_db[1]:
            raise ValueError(f"a range rises: snr_db={self.snr_db}")
        return self

    @model_validator(mode="after")
    def _a_share_a_kind(self) -> NoiseSettings:
        if len(set(self.kinds)) < len(self.kinds):
            raise ValueError(f"a kind is named once: kinds={self.kinds}")
        if self.shares and len(self.shares) != len(self.kinds):
            raise ValueError(f"{len(self.shares)} shares for {len(self.kinds)} kinds: one for each, or none")
        return self


class DataSettings(Settings):
    """Where the training signals come from; validation signals never change."""

    source: Literal["folder", "fresh", "recordings"] = "folder"
    """`folder`: the data folder's training side, shuffled each epoch; `fresh`: new draws at every step;
    `recordings`: new mixtures of the recordings in `--clean` and `--noise` at every step."""
    fresh_noise: bool = False
    """With a folder: keep its clean signals and draw new noise over them at every step."""
    train_count: PositiveInt = 1600
    """Signals to train on in a data folder."""
    validation_count: PositiveInt = 200
    """Signals to validate on."""


class RecordingsSettings(Settings):
    """Folders of recordings (`--clean`, `--noise`): which are held back, and how short ones are strung."""

    clean_split: SplitBy = "auto"
    """What is never on both sides, training and validation: a folder (a speaker, a subject), a file, or a
    stretch of time, of which the last is held back. `auto` takes the first of these that there are two of."""
    noise_split: SplitBy = "auto"
    """The same for the noise."""
    held_back: Annotated[float, Field(gt=0, lt=1)] | PositiveInt = 0.1
    """Share of the folders, files or time held back for validation, or the number of folders or files."""
    gap_s: NonNegative = 1.0
    """Between the two sides where time is split."""
    validation_duration_s: NonNegative = 0.0
    """Length of a validation signal; 0 for `signal.duration_s`."""
    centred: bool = False
    """Take the mean off each clean signal: an amplifier's offset is no signal, but would count in the SNR."""
    highpass_hz: NonNegative = 0.0
    """Cutoff of a high-pass filter, forward and back, over each clean recording; 0 for none. A wandering
    baseline in the clean signals would be learnt as a part of them, and then left in."""
    pause_s: tuple[NonNegative, NonNegative] = (0.05, 0.4)
    """Shortest and longest pause between clean recordings that are strung together to fill a signal."""

    @model_validator(mode="after")
    def _rising(self) -> RecordingsSettings:
        if self.pause_s[0] > self.pause_s[1]:
            raise ValueError(f"a range rises: pause_s={self.pause_s}")
        return self


class AugmentationSettings(Settings):
    """How recordings are varied in training; validation hears them as they are."""

    clean_only_share: Unit = 0.0
    """Share of inputs without noise."""
    silence_share: Unit = 0.0
    """Share of inputs that are noise alone, at the level it would have had; their clean signal is zero."""
    noises: PositiveInt | tuple[PositiveInt, PositiveInt] = 1
    """Recorded noises that are summed, at levels up to 10 dB apart, or the lowest and highest number."""
    synthetic_share: Unit = 0.0
    """Share of inputs to whose recorded noise synthesised noise is added, up to 10 dB apart."""
    synthetic_only_share: Unit = 0.0
    """Share of inputs whose noise is the synthesised alone."""
    gain_db: Db | tuple[Db, Db] = 0.0
    """Gain of clean and mixed alike, or the lowest and highest."""
    polarity: bool = False
    """Turn the sign of clean and of noise, each at random."""
    mix_channels: bool = False
    """Sum the channels of a clean recording with random weights instead of taking one of them: where they are
    views of one source, as the leads of an ECG, that gives views that nobody recorded."""
    clean_speed: PositiveFloat | tuple[PositiveFloat, PositiveFloat] = 1.0
    """Speed at which clean recordings are played, or the slowest and fastest; pitch follows."""
    noise_speed: PositiveFloat | tuple[PositiveFloat, PositiveFloat] = 1.0
    """The same for noise."""
    clean_equaliser_db: Annotated[float, Field(ge=0, le=24)] = 0.0
    """Largest gain and loss of a random smooth equaliser over clean recordings."""
    background_share: Unit = 0.0
    """Share of clean signals of which faint noise of the colours is made a part. Each recording has a
    background of its own: that of others is then not taken for noise."""
    background_db: Db | tuple[Db, Db] = (25.0, 60.0)
    """By how much that noise lies below the signal, or the least and the most."""
    clean_phase_rad: Annotated[float, Field(ge=0, le=3.15)] = 0.0
    """Largest phase, either way, of a random smooth all-pass filter over clean recordings: it turns the
    shapes of pulses and beats into others of the same spectrum."""
    noise_equaliser_db: Annotated[float, Field(ge=0, le=24)] = 0.0
    """The same for noise."""
    clean_warp_share: Unit = 0.0
    """Share of clean signals whose time and amplitude are warped by smooth random curves: a few hearts stand
    for many. Rhythm, durations and the sizes of waves change, their order does not."""
    hearts_share: Unit = 0.0
    """Share of clean signals that are synthesised electrocardiograms instead of recordings."""
    reuse: PositiveInt = 1
    """Mixtures that a prepared clean stretch and a prepared noise go into, with other partners each time; a
    multiple of speed where the preparation takes longer than the network."""

    @model_validator(mode="after")
    def _rising(self) -> AugmentationSettings:
        ranges = {"noises": self.noises, "gain_db": self.gain_db, "background_db": self.background_db}
        ranges |= {"clean_speed": self.clean_speed, "noise_speed": self.noise_speed}
        for name, value in ranges.items():
            low, high = bounds(value)
            if low > high:
                raise ValueError(f"a range rises: {name}={value}")
        if self.clean_only_share + self.silence_share > 1:
            raise ValueError("clean_only_share and silence_share are shares of one whole")
        return self


class ClassicGeneratorSettings(Settings):
    """The founding convolutional autoencoder."""

    kind: Literal["classic"] = "classic"
    """Which generator this is."""
    encoder_filters: PositiveInt = 6
    """Channels of each encoder layer."""
    decoder_filters: PositiveInt = 16
    """Channels of each decoder layer."""
    kernel: Annotated[int, Field(ge=2, multiple_of=2)] = 64
    """Samples that a filter spans, an even number."""
    depth: Annotated[int, Field(ge=1, le=8)] = 2
    """Layers of the encoder, and of the decoder."""
    stride: Annotated[int, Field(ge=1, le=8)] = 2
    """Samples from one output of an encoder layer to the next."""
    channels: PositiveInt = 1
    """Channels of the signal, in and out."""
    slope: Unit = 0.05
    """Of the leaky ReLU for negative values."""

    @model_validator(mode="after")
    def _no_gaps(self) -> ClassicGeneratorSettings:
        return _without_gaps(self)


class SpectralGeneratorSettings(Settings):
    """A network along the frequency axis of one frame: the whole signal."""

    kind: Literal["spectral"]
    """Which generator this is."""
    padding: Annotated[float, Field(ge=1, le=8)] = 2.0
    """Length of the zero-padded transform, in frames."""
    band_hz: tuple[NonNegative, NonNegative] = (7.0, 67.0)
    """What the network sees: the signals' band and three periods of the frame (3 / duration) beyond it."""
    width: PositiveInt = 24
    """Channels between blocks."""
    hidden: PositiveInt = 24
    """Channels within a block."""
    kernel_bins: Annotated[int, Field(ge=1, le=63)] = 5
    """Bins that a filter spans, an odd number."""
    dilations: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (1, 2, 4, 8, 4, 2, 1)
    """Bins from one tap of a block's filters to the next; one block for each."""
    activation: Literal["relu", "gelu"] = "relu"
    """Between the convolutions; the smooth one costs a quarter more time and is more precise in the end."""
    normalise_level: bool = False
    """Bring each frame to an RMS of 1 on the way in and back on the way out: any level comes out alike."""

    @model_validator(mode="after")
    def _centred(self) -> SpectralGeneratorSettings:
        if self.kernel_bins % 2 == 0 or self.band_hz[0] >= self.band_hz[1]:
            raise ValueError(f"kernel_bins={self.kernel_bins} is odd, band_hz={self.band_hz} rises")
        return self


class CausalGeneratorSettings(Settings):
    """A network over short frames, causal in time: latency and cost are the recipe's, not the signal's."""

    kind: Literal["causal"]
    """Which generator this is."""
    frame_samples: Annotated[int, Field(ge=4, multiple_of=2)] = 256
    """Length of a frame, which is the latency where nothing is looked ahead."""
    hop_samples: PositiveInt = 128
    """Samples from one frame to the next: half a frame, or a smaller whole part of it."""
    lookahead_frames: Annotated[int, Field(ge=0, le=64)] = 0
    """Further frames that the network sees before it decides on one; each adds a hop to the latency."""
    fold: PositiveInt = 4
    """Neighbouring bins that share one place of the network; a divisor of half the frame."""
    width: PositiveInt = 24
    """Channels between blocks."""
    hidden: PositiveInt = 20
    """Channels within a block."""
    frame_taps: Annotated[int, Field(ge=1, le=15)] = 2
    """Frames that a filter spans, the present one included."""
    bin_taps: Annotated[int, Field(ge=1, le=63)] = 3
    """Places that a filter spans, an odd number."""
    dilations: Annotated[tuple[tuple[PositiveInt, PositiveInt], ...], Field(min_length=1)] = (
        (1, 1),
        (2, 2),
        (4, 4),
        (8, 8),
        (16, 1),
        (32, 2),
    )
    """Frames and places from one tap of a block's filters to the next; one block for each pair."""
    compression: Annotated[float, Field(gt=0, le=1)] = 0.4
    """Power to which magnitudes are raised on the way in."""
    level_frames: Annotated[int, Field(ge=2)] = 100
    """Frames over which the level is averaged, the present one and those before."""

    @model_validator(mode="after")
    def _fits(self) -> CausalGeneratorSettings:
        if self.frame_samples % (2 * self.fold) or self.bin_taps % 2 == 0:
            raise ValueError(f"fold={self.fold} divides half of frame_samples={self.frame_samples}; odd taps")
        if self.frame_samples % self.hop_samples or self.hop_samples == self.frame_samples:
            raise ValueError(f"hop_samples={self.hop_samples} divides frame_samples={self.frame_samples}")
        return self


class ClassicDiscriminatorSettings(Settings):
    """The founding discriminator."""

    kind: Literal["classic"] = "classic"
    """Which discriminator this is."""
    filters: PositiveInt = 2
    """Channels of each layer."""
    kernel: Annotated[int, Field(ge=2, multiple_of=2)] = 32
    """Samples that a filter spans, an even number."""
    depth: Annotated[int, Field(ge=1, le=8)] = 2
    """Convolutional layers."""
    stride: Annotated[int, Field(ge=1, le=8)] = 2
    """Samples from one output of a layer to the next."""
    hidden: PositiveInt = 8
    """Units of the layer before the last."""
    channels: PositiveInt = 1
    """Channels of the signal."""
    slope: Unit = 0.01
    """Of the leaky ReLU for negative values."""

    @model_validator(mode="after")
    def _no_gaps(self) -> ClassicDiscriminatorSettings:
        return _without_gaps(self)


Strided = TypeVar("Strided", ClassicGeneratorSettings, ClassicDiscriminatorSettings)


MOST_STRIDES = 4096
"""Samples that one value of the innermost layer stands for: a signal is padded to a whole number of them."""


def _without_gaps(settings: Strided) -> Strided:
    if settings.stride**settings.depth > MOST_STRIDES:
        raise ValueError(f"stride={settings.stride} ** depth={settings.depth} is at most {MOST_STRIDES}")
    if settings.stride > settings.kernel:
        raise ValueError(
            f"stride={settings.stride} is at most kernel={settings.kernel}: no sample is skipped"
        )
    return settings


class SpectralDiscriminatorSettings(Settings):
    """Small networks over log-magnitude spectra of several resolutions, which judge every patch."""

    kind: Literal["spectral"]
    """Which discriminator this is."""
    frames_samples: Annotated[tuple[Annotated[int, Field(ge=4)], ...], Field(min_length=1)] = (64, 256)
    """Frame length of each resolution; frames overlap by half."""
    filters: PositiveInt = 6
    """Channels of each layer."""
    depth: Annotated[int, Field(ge=1, le=8)] = 2
    """Convolutional layers before the last, each of 3 frames by 5 bins, every second bin kept."""
    slope: Unit = 0.1
    """Of the leaky ReLU for negative values."""


class LossSettings(Settings):
    """What the generator minimises: a weighted sum; a weight of 0 costs nothing."""

    l1: NonNegative = 1.0
    """Mean absolute error."""
    l2: NonNegative = 0.0
    """Mean squared error."""
    snr: NonNegative = 0.0
    """Negative output SNR in dB, the mean over signals."""
    spectrum: NonNegative = 0.0
    """Multi-resolution spectrum: spectral convergence plus log magnitude."""
    compressed: NonNegative = 0.0
    """Short-time spectrum with magnitudes compressed as the ear does: twice its magnitude, once complex."""
    suppression: Annotated[float, Field(ge=1)] = 1.0
    """Weight of a magnitude below clean in `compressed`, where one above has 1: the more, the less is taken
    away that should stay."""
    compressed_frame_samples: Annotated[int, Field(ge=8)] = 256
    """Frame of `compressed`, `envelope` and `loudness`; of 32 ms for what is to be heard."""
    envelope: NonNegative = 0.0
    """How far the envelopes of third-octave bands are from rising and falling with those of clean, as
    intelligibility has it (STOI); levels do not matter to it, so it stands beside another."""
    snr_ceiling_db: Annotated[float, Field(gt=0, le=100)] = 80.0
    """Where `snr` levels off: signals that are nearly clean already then do not outweigh the others."""
    loudness: NonNegative = 0.0
    """What is heard of the difference in loudness, as quality has it (PESQ); from 2000 Hz up."""
    adversarial: NonNegative = 0.0
    """How well the discriminator tells the output from clean."""
    feature_matching: NonNegative = 0.0
    """L1 between the discriminator's features of output and clean."""
    adversarial_kind: Literal["bce", "least_squares", "hinge"] = "bce"
    """Form of the adversarial loss: binary cross-entropy with logits, least squares, hinge."""
    adversarial_warmup_epochs: NonNegative = 0.0
    """Over so many epochs the adversarial and feature matching weights rise from 0."""

    @model_validator(mode="after")
    def _something_to_minimise(self) -> LossSettings:
        weights = (self.l1, self.l2, self.snr, self.spectrum, self.compressed, self.envelope, self.loudness)
        reconstructs = any(weights)
        if not reconstructs and (not self.needs_discriminator or self.adversarial_warmup_epochs > 0):
            raise ValueError(
                "a weight is above 0, of a reconstruction loss while the adversarial one warms up"
            )
        return self

    @property
    def needs_discriminator(self) -> bool:
        """Whether a discriminator is trained at all."""
        return self.adversarial > 0 or self.feature_matching > 0


class OptimiserSettings(Settings):
    """Adam, of one network, with Muon for the matrices of those that have some."""

    learning_rate: PositiveFloat = 1e-3
    """The peak of the schedule."""
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    """Decay of the averages of gradient and squared gradient."""
    weight_decay: NonNegative = 0.0
    """Decoupled from the gradient (AdamW); 0 is plain Adam."""
    matrix_learning_rate: NonNegative = 0.0
    """The peak for the weights between hidden channels, which Muon then trains; 0 leaves them to Adam."""
    clip_norm: NonNegative = 0.0
    """The gradient is scaled down to this norm; 0 leaves it as it is."""


class ScheduleSettings(Settings):
    """The learning rate over time, as a share of its peak; the same for both networks."""

    kind: Literal["constant", "step", "cosine", "one_cycle"] = "constant"
    """`step` multiplies by `factor` each `step_epochs`; `cosine` falls to 0; `one_cycle` rises and falls."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Steps over which the rate rises linearly from 0, before any kind."""
    step_epochs: PositiveInt = 50
    """Epochs between two drops (`step`)."""
    factor: Unit = 0.5
    """What a drop multiplies by (`step`)."""
    rising_share: Unit = 0.3
    """Share of all steps in which the rate rises (`one_cycle`)."""


class TrainingSettings(Settings):
    """How long and in what portions."""

    epochs: PositiveInt = 300
    """An epoch is one pass over the folder, or `steps_per_epoch` fresh batches; each ends in a validation."""
    steps_per_epoch: PositiveInt = 100
    """Steps of an epoch where the signals are drawn afresh."""
    batch: PositiveInt = 50
    """Signals of one step."""
    ema_decay: Decay = 0.0
    """Decay of a running average of the generator's weights, which is then what is validated; 0 for none."""
    patience_epochs: Annotated[int, Field(ge=0)] = 0
    """Stop after so many epochs without a better validation SNR; 0 never stops early."""


Generator = Annotated[
    ClassicGeneratorSettings | SpectralGeneratorSettings | CausalGeneratorSettings,
    Field(discriminator="kind"),
]
Discriminator = Annotated[
    ClassicDiscriminatorSettings | SpectralDiscriminatorSettings, Field(discriminator="kind")
]


class Recipe(Settings):
    """A whole training run."""

    name: str
    """What the recipe is called."""
    summary: str
    """One line on what it is for."""
    expected: str = "not measured"
    """The result to expect, measured on held-back signals, with hardware and time."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Everything random follows from it."""
    signal: SignalSettings = SignalSettings()
    clean: ToneSettings = ToneSettings()
    noise: NoiseSettings = NoiseSettings()
    data: DataSettings = DataSettings()
    recordings: RecordingsSettings = RecordingsSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    generator: Generator = ClassicGeneratorSettings()
    discriminator: Discriminator = ClassicDiscriminatorSettings()
    losses: LossSettings = LossSettings()
    generator_optimiser: OptimiserSettings = OptimiserSettings()
    discriminator_optimiser: OptimiserSettings = OptimiserSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    training: TrainingSettings = TrainingSettings()

    @model_validator(mode="after")
    def _below_half_the_rate(self) -> Recipe:
        below_hz = {"noise.hum_hz": self.noise.hum_hz}
        highest_hz = {}
        if self.data.source != "recordings":
            highest_hz["clean.frequency_hz"] = self.clean.frequency_hz[1]
        if "hum" in self.noise.kinds:
            below_hz["noise.mains_hz"] = max(self.noise.mains_hz)
        if isinstance(self.generator, SpectralGeneratorSettings):
            highest_hz["generator.band_hz"] = self.generator.band_hz[1]
        half_hz = self.signal.sample_rate_hz / 2
        if self.losses.loudness and self.signal.sample_rate_hz < LOUDNESS_FROM_HZ:
            raise ValueError(f"losses.loudness={self.losses.loudness}: from {LOUDNESS_FROM_HZ} Hz up")
        wrong = [key for key, value_hz in highest_hz.items() if value_hz > half_hz]
        wrong += [key for key, value_hz in below_hz.items() if value_hz >= half_hz]
        if wrong:
            raise ValueError(f"{wrong[0]} reaches too far: half of signal.sample_rate_hz is {half_hz:g} Hz")
        return self

    @model_validator(mode="after")
    def _networks_fit(self) -> Recipe:
        for name, network in (("generator", self.generator), ("discriminator", self.discriminator)):
            if not isinstance(network, ClassicGeneratorSettings | ClassicDiscriminatorSettings):
                continue
            if network.channels != 1:
                raise ValueError(f"{name}.channels={network.channels}: the signals have one channel")
            if self.training.batch < 2:  # batch normalisation needs more than one value
                raise ValueError(f"training.batch={self.training.batch}: the {name} classic needs 2 or more")
        return self
