"""Notes and pictures at the end of a training: on its outputs, its curves, and a few signals."""

from __future__ import annotations

from contextlib import suppress

from dan.core.arrays import Signal
from dan.core.errors import DanError
from dan.data.batches import ValidationSet
from dan.dsp.butterworth import lowpass
from dan.report.plots import plot_history, plot_signals, save_figure
from dan.report.residual_plot import plot_residuals
from dan.training.diagnostics import output_warnings
from dan.training.run_folder import Run
from dan.training.score import describe_range, describe_shares, kept_shares, likely_snr_db
from dan.training.state import TrainingState

PLOTTED_SIGNALS = 3
ESTIMATED = {
    "recorded": "The SNR above is an estimate, from two takes of each signal; ",
    "made": "The SNR above is an estimate, and a lower bound, at inputs noisier by 3 dB than the recordings.",
}


def look_at(estimate: Signal, validation: ValidationSet) -> list[str]:
    """Findings on the outputs of the validation, in a sentence each."""
    if validation.takes:
        shares = kept_shares(estimate, mixed=validation.mixed, other=validation.clean)
        words = ESTIMATED[validation.takes]
        if validation.takes == "recorded":
            words += describe_range(*likely_snr_db(estimate, mixed=validation.mixed, other=validation.clean))
        return [words, describe_shares(*shares)]
    warnings = output_warnings(estimate=estimate, clean=validation.clean)
    return [f"Note: {warning}." for warning in warnings]


def plot_run(run: Run, state: TrainingState, validation: ValidationSet, estimate: Signal) -> None:
    """The training's curves, and a few signals beside the low-pass filter's."""
    recipe, rate_hz = state.recipe, state.recipe.signal.sample_rate_hz
    save_figure(plot_history(state.history), run.plots / "training.png")
    chosen = slice(0, PLOTTED_SIGNALS)
    signals = {
        "clean": validation.clean[chosen],
        "noisy": validation.mixed[chosen],
        "dan": estimate[chosen],
    }
    if validation.takes:
        del signals["clean"]
    if recipe.data.source != "recordings":
        edge_hz = recipe.clean.frequency_hz[1]
        with suppress(DanError):  # a band up to half the rate leaves the filter nothing to take away
            signals["lowpass"] = lowpass(signals["noisy"], sample_rate_hz=rate_hz, pass_hz=edge_hz)
    figure = plot_signals(signals, sample_rate_hz=rate_hz)
    save_figure(figure, run.plots / "signals.png")
    if validation.takes:
        figure = plot_residuals(noisy=signals["noisy"], estimate=signals["dan"], sample_rate_hz=rate_hz)
        save_figure(figure, run.plots / "residuals.png")
