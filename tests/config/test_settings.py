"""Which settings are legal, and what follows from them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dan.config import (
    ClassicDiscriminatorSettings,
    ClassicGeneratorSettings,
    ConditionalDiscriminatorSettings,
    DataSettings,
    LossSettings,
    LossWeights,
    MetricDiscriminatorSettings,
    NoiseSettings,
    OptimiserSettings,
    Recipe,
    ScheduleSettings,
    SignalSettings,
    SpectralDiscriminatorSettings,
    ToneSettings,
    TrainingSettings,
    bounds,
)
from dan.config.losses import SIGN_BLIND

SECTIONS = [
    SignalSettings, ToneSettings, NoiseSettings, DataSettings, ClassicGeneratorSettings,
    ClassicDiscriminatorSettings, LossSettings, LossWeights, OptimiserSettings,
    ScheduleSettings, TrainingSettings,
]  # fmt: skip


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_is_frozen_strict_and_described(section):
    made = section()
    with pytest.raises(ValidationError, match="frozen"):
        setattr(made, next(iter(section.model_fields)), 1)
    with pytest.raises(ValidationError, match="Extra inputs"):
        section(no_such_key=1)
    assert all(field.description for field in section.model_fields.values())


@pytest.mark.parametrize(
    ("section", "values"),
    [
        (SignalSettings, {"sample_rate_hz": 0}),
        (SignalSettings, {"sample_rate_hz": -1}),
        (SignalSettings, {"duration_s": 0}),
        (ToneSettings, {"sines": 0}),
        (ToneSettings, {"sines": (3, 2)}),
        (ToneSettings, {"sines": (1, 2, 3)}),
        (ToneSettings, {"frequency_hz": (10, 10)}),
        (ToneSettings, {"frequency_hz": (-1, 10)}),
        (ToneSettings, {"amplitude_spread": 1.1}),
        (ToneSettings, {"phase_spread_rad": 3.2}),
        (NoiseSettings, {"colours": ()}),
        (NoiseSettings, {"colours": ("green",)}),
        (NoiseSettings, {"standard_deviation": 0}),
        (NoiseSettings, {"hum_level": 1.1}),
        (NoiseSettings, {"hum_harmonics": 0}),
        (NoiseSettings, {"snr_db": (3, -3)}),
        (NoiseSettings, {"snr_db": 61}),
        (DataSettings, {"source": "web"}),
        (DataSettings, {"train_count": 0}),
        (DataSettings, {"validation_count": 0}),
        (ClassicGeneratorSettings, {"kernel_size": 7}),
        (ClassicGeneratorSettings, {"kernel_size": 0}),
        (ClassicGeneratorSettings, {"kernel_size": 2, "stride": 3}),
        (ClassicGeneratorSettings, {"depth": 0}),
        (ClassicGeneratorSettings, {"depth": 9}),
        (ClassicGeneratorSettings, {"stride": 9}),
        (ClassicGeneratorSettings, {"channels": 0}),
        (ClassicGeneratorSettings, {"negative_slope": 2}),
        (ClassicGeneratorSettings, {"kind": "other"}),
        (ClassicDiscriminatorSettings, {"kernel_size": 3}),
        (ClassicDiscriminatorSettings, {"kernel_size": 2, "stride": 4}),
        (ClassicDiscriminatorSettings, {"hidden_units": 0}),
        (LossWeights, {"l1": -1}),
        (LossSettings, {"adversarial_kind": "other"}),
        (OptimiserSettings, {"learning_rate": 0}),
        (OptimiserSettings, {"betas": (0.9, 1.1)}),
        (OptimiserSettings, {"betas": (0.9,)}),
        (OptimiserSettings, {"max_grad_norm": -1}),
        (ScheduleSettings, {"kind": "other"}),
        (ScheduleSettings, {"warmup_steps": -1}),
        (ScheduleSettings, {"step_epochs": 0}),
        (TrainingSettings, {"epochs": 0}),
        (TrainingSettings, {"batch_size": 0}),
        (TrainingSettings, {"ema_decay": 1}),
        (TrainingSettings, {"patience_epochs": -1}),
    ],
)
def test_what_is_not_legal_is_refused(section, values):
    with pytest.raises(ValidationError):
        section(**values)


@pytest.mark.parametrize(
    ("section", "values"),
    [
        (SignalSettings, {"sample_rate_hz": float("inf")}),
        (SignalSettings, {"duration_s": float("inf")}),
        (OptimiserSettings, {"learning_rate": float("inf")}),
        (LossWeights, {"l1": float("inf")}),
    ],
)
def test_infinity_is_refused(section, values):
    with pytest.raises(ValidationError):
        section(**values)


@pytest.mark.parametrize("betas", [(1.0, 0.999), (0.9, 1.0)])
def test_an_average_that_never_moves_is_refused(betas):
    with pytest.raises(ValidationError):
        OptimiserSettings(betas=betas)


@pytest.mark.parametrize("options", [{"adversarial": 0}, {"adversarial": 1, "warmup_epochs": 1}])
def test_a_recipe_without_anything_to_minimise_at_its_first_step_is_refused(options):
    weights = LossWeights(l1=0, adversarial=options["adversarial"])
    with pytest.raises(ValidationError, match="weights: one is above 0"):
        LossSettings(weights=weights, adversarial_warmup_epochs=options.get("warmup_epochs", 0))


@pytest.mark.parametrize("name", SIGN_BLIND)
def test_losses_that_cannot_tell_a_signal_from_its_flipped_copy_are_refused_by_themselves(name):
    with pytest.raises(ValidationError, match=f"{name} cannot tell .* one of l1, l2, snr"):
        LossSettings(weights=LossWeights(**{"l1": 0, name: 1}))
    assert LossSettings(weights=LossWeights(**{"l1": 0.1, name: 1}))


def test_a_discriminator_of_magnitudes_cannot_tell_the_sign_either():
    losses = LossSettings(weights=LossWeights(l1=0, envelope=1, adversarial=1))
    assert Recipe(name="", summary="", losses=losses)  # the classic one judges samples
    with pytest.raises(ValidationError, match="polarity-flipped"):
        Recipe(
            name="",
            summary="",
            losses=losses,
            discriminator=SpectralDiscriminatorSettings(kind="spectral"),
        )


METRIC = MetricDiscriminatorSettings(kind="metric")


@pytest.mark.parametrize(
    ("kind", "rate_hz", "message"),
    [
        ("bce", 16000, "needs least_squares"),
        ("least_squares", 11025, "8000 or 16000"),
        ("least_squares", 8000, ""),
    ],
)
def test_what_a_metric_discriminator_needs(kind, rate_hz, message):
    losses = LossSettings(weights=LossWeights(adversarial=1), adversarial_kind=kind)
    given = {"losses": losses, "signal": SignalSettings(sample_rate_hz=rate_hz), "discriminator": METRIC}
    if not message:
        assert Recipe(name="", summary="", **given)
        return
    with pytest.raises(ValidationError, match=message):
        Recipe(name="", summary="", **given)


def test_an_accuracy_rises_from_its_lower_to_its_upper_end():
    with pytest.raises(ValidationError, match="accuracy"):
        ConditionalDiscriminatorSettings(kind="conditional", accuracy=(0.8, 0.6))


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_networks_of_other_channels_than_the_data_are_refused(network):
    sections = {"generator": ClassicGeneratorSettings, "discriminator": ClassicDiscriminatorSettings}
    with pytest.raises(ValidationError):
        Recipe(name="", summary="", **{network: sections[network](channels=2)})


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_strides_that_leave_nothing_of_a_signal_are_refused(network):
    sections = {"generator": ClassicGeneratorSettings, "discriminator": ClassicDiscriminatorSettings}
    with pytest.raises(ValidationError):
        Recipe(name="", summary="", **{network: sections[network](stride=8, depth=8)})


def test_a_seed_that_torch_cannot_take_is_refused():
    with pytest.raises(ValidationError):
        Recipe(name="", summary="", seed=2**64)


def test_frequencies_stay_below_half_the_rate():
    signal = SignalSettings(sample_rate_hz=100)
    assert Recipe(name="", summary="", signal=signal, clean=ToneSettings(frequency_hz=(10, 50)))
    with pytest.raises(ValidationError, match="half of signal"):
        Recipe(name="", summary="", signal=signal, clean=ToneSettings(frequency_hz=(10, 51)))


@given(st.floats(0.01, 1e5), st.floats(1e-6, 10))
def test_a_signal_has_the_nearest_whole_number_of_samples_and_never_none(rate_hz, duration_s):
    length = SignalSettings(sample_rate_hz=rate_hz, duration_s=duration_s).length_samples
    assert length >= 1
    assert length == 1 or abs(length - rate_hz * duration_s) <= 0.5


def test_bounds():
    assert bounds(3) == (3, 3) and bounds((1, 2)) == (1, 2)
    assert NoiseSettings(snr_db=1).snr_range_db == (1, 1)
    assert NoiseSettings(snr_db=(0, 5)).snr_range_db == (0, 5)


@pytest.mark.parametrize(
    ("losses", "needed"),
    [({"l1": 1}, False), ({"adversarial": 1}, True), ({"l1": 1, "feature_matching": 0.1}, True)],
)
def test_who_needs_a_discriminator(losses, needed):
    assert LossSettings(weights=LossWeights(**losses)).needs_discriminator is needed


def test_the_defaults_are_the_founding_task():
    recipe = Recipe(name="", summary="")
    assert (recipe.signal.length_samples, recipe.clean.sines, recipe.noise.snr_db) == (256, 3, -2.0)
    assert (recipe.training.epochs, recipe.training.batch_size) == (300, 50)
