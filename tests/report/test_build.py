"""The report: one page that needs nothing else, says what the table says, and plays what was scored."""

import base64
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile

from dan.config.load import dump_recipe, load_recipe
from dan.core.errors import DanError
from dan.evaluation.evaluate import CleanInput, Evaluation, SnrClass, Table, score
from dan.report.audio_clips import listen
from dan.report.build import headline, write_report

RATE_HZ, LENGTH = 256.0, 256
LOADING = {"src", "href", "srcset", "action", "poster", "data", "background"}
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """Collects what a page has, and fails where a tag is closed that was not opened last."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.sources, self.cells, self.images = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.sources += [value for key, value in attributes if key in LOADING]
        if tag == "img":
            self.images.append(dict(attributes))
        if tag == "tr":
            self.cells.append([])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1].append(data)

    def clips(self):
        sounds = [source for source in self.sources if source.startswith("data:audio/wav")]
        return [soundfile.read(io.BytesIO(base64.b64decode(sound.partition(",")[2]))) for sound in sounds]


def signals(count=20, *, length=LENGTH):
    random = np.random.default_rng(3)
    frequency_hz = random.uniform(10, 64, (count, 1))
    clean = np.sin(2 * np.pi * frequency_hz * np.arange(length) / RATE_HZ)
    return clean, clean + random.normal(0, 0.8, clean.shape)


def evaluation(clean, mixed, *, others=("lowpass", "limit"), rate_hz=RATE_HZ, **facts):
    shares = {"noisy": 1.0, "dan": 0.2, "lowpass": 0.7, "limit": 0.1}
    outputs = {name: clean + shares[name] * (mixed - clean) for name in ("noisy", "dan", *others)}
    rows = tuple(score(name, output, clean=clean, mixed=mixed) for name, output in outputs.items())
    named = {"model": "tones", "data": "held-out"} | facts
    table = Table(**named, sample_rate_hz=rate_hz, count=len(clean), parameters=20_402, rows=rows)
    return Evaluation(table, outputs)


def with_table(given, **facts):
    table = given.table
    return Evaluation(Table(**(vars(table) | facts)), given.outputs)


HISTORY = [
    {
        **{"step": 32 * epoch, "epoch": epoch, "seconds": 60.0 * epoch, "train_generator": 1 / epoch},
        **{"val_snr_db": level, "val_snr_gain_db": level + 2, "discriminator_accuracy": None},
    }
    for epoch, level in [(1, 3.0), (2, 9.0), (3, 8.0)]
]
CURVE = [(-10.0, {"noisy": -10.0, "dan": 4.0}), (20.0, {"noisy": 20.0, "dan": 25.0, "lowpass": 21.0})]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    clean, mixed = signals()
    given = with_table(
        evaluation(clean, mixed),
        clean_input=(CleanInput("dan", 31.5, 32.5),),
        notes={"spectral_gate": "noisereduce is not installed"},
    )
    folder = tmp_path_factory.mktemp("report") / "out"
    recipe = load_recipe("classic")
    page = write_report(folder, given, clean=clean, recipe=recipe, history=HISTORY, curve=CURVE)
    return folder, page, given, clean


def test_the_folder_holds_the_page_the_table_and_the_pictures(whole):
    folder, page, given, _ = whole
    pictures = ["curve.png", "scores.png", "signals.png", "training.png"]
    names = sorted(["index.html", "table.json", "table.md", "curve.md", *pictures])
    assert sorted(file.name for file in folder.iterdir()) == names
    assert page == folder / "index.html"
    assert (folder / "table.md").read_text() == given.table.to_markdown()
    head, _, *rows = (folder / "curve.md").read_text().splitlines()
    assert head.count("|") == len(CURVE) + 2 and len(rows) == len({name for _, row in CURVE for name in row})
    assert json.loads((folder / "table.json").read_text()) == json.loads(given.table.to_json())
    shown = [image["src"].partition(",")[2] for image in Page(page.read_text()).images]
    files = {base64.b64encode((folder / name).read_bytes()).decode() for name in pictures}
    assert set(shown) == files


def test_the_page_loads_nothing(whole):
    text = whole[1].read_text()
    page = Page(text)
    assert page.sources and all(source.startswith("data:") for source in page.sources)
    assert not {"script", "iframe", "object", "embed", "form", "base"} & set(page.tags)
    assert not re.search(r"https?:|url\(|@import", text)
    assert text.startswith("<!DOCTYPE html>") and '<html lang="en">' in text
    assert all(image["alt"] for image in page.images)


def test_the_table_has_the_rows_in_order_and_their_figures(whole):
    _, path, given, _ = whole
    rows = Page(path.read_text()).cells
    assert [row[0] for row in rows[1:5]] == ["noisy input", "DAN", "low-pass", "limit"]
    dan = given.table.row("dan")
    low, high = dan.interval_db["snr_db"]
    assert rows[2][1:4] == [f"{dan.snr_db:.2f}", f"{low:.2f} to {high:.2f}", f"+{dan.snr_gain_db:.2f}"]
    assert '<tr class="dan"><th scope="row">DAN</th>' in path.read_text()
    # The curve's table: a method a row, an input SNR a column.
    assert rows[7] == ["input SNR (dB)", "\N{MINUS SIGN}10", "20"]
    assert [row[0] for row in rows[8:]] == ["noisy input", "DAN", "low-pass"]
    assert rows[9][1:] == ["4.0", "25.0"]
    # What each does to clean input.
    assert rows[5:7] == [["SNR (dB)", "SI-SDR (dB)"], ["DAN", "31.5", "32.5"]]


def test_what_the_page_says(whole):
    text = whole[1].read_text()
    assert "given the clean signals themselves" in text
    assert "No row spectral gate: noisereduce is not installed" in text
    assert "best validation SNR, 9.0 dB, came after epoch 2" in text
    assert "played 32 times faster" in text
    recipe = dump_recipe(load_recipe("classic")).replace('"', "&#34;")
    assert recipe in text


def test_the_sound_is_what_was_scored(whole):
    _, path, given, clean = whole
    clips = Page(path.read_text()).clips()
    rates = {rate for _, rate in clips}
    assert len(clips) == 4 and rates == {32 * 256}  # the lowest multiple from 8 kHz up
    length = len(clean) * LENGTH
    assert {samples.shape for samples, _ in clips} == {(length,)}
    peaks = [np.abs(samples).max() for samples, _ in clips]
    assert max(peaks) == pytest.approx(0.9, abs=1e-3) and max(peaks) < 1
    stacks = [clean, given.outputs["noisy"], given.outputs["lowpass"], given.outputs["dan"]]
    gains = []
    for stack, (samples, _) in zip(stacks, clips, strict=True):
        middle = slice(32, -32)  # the fade at each end of a signal spans 5 % of 256 samples
        heard, meant = samples.reshape(stack.shape)[:, middle], stack[:, middle]
        gains.append(float((heard * meant).sum() / (meant**2).sum()))
        # Half a step of 16 bits lies between what is heard and what was scored; a tenth of it for the gain.
        assert np.abs(heard - gains[-1] * meant).max() < 1.1 * 2**-16
    assert gains == pytest.approx([gains[0]] * 4, rel=1e-4)


def test_a_minimal_evaluation(tmp_path):
    clean, mixed = signals(1)
    given = evaluation(clean, mixed, others=())
    text = write_report(tmp_path / "out", given, clean=clean).read_text()
    page = Page(text)
    assert [row[0] for row in page.cells[1:]] == ["noisy input", "DAN"]
    assert len(page.images) == 2 and len(page.clips()) == 3
    for absent in ("Training", "Recipe", "At other input levels", "Do no harm", "classical", "limit</"):
        assert absent not in text.replace("</style>", "")


def test_names_are_escaped(tmp_path):
    clean, mixed = signals(1)
    given = evaluation(clean, mixed, others=(), model="<script>alert(1)</script>", data='"><img src=x> & co')
    rows = (*given.table.rows, score("<u>", mixed, clean=clean, mixed=mixed))
    given = with_table(given, rows=rows, notes={"<b>": "<i>why</i> & how"})
    page = write_report(tmp_path / "out", given, clean=clean)
    tags = set(Page(page.read_text()).tags)
    assert not {"script", "u", "b", "i"} & tags
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.read_text()
    assert "&#34;&gt;&lt;img src=x&gt; &amp; co" in page.read_text()


def test_a_report_is_overwritten_only_by_force(tmp_path):
    clean, mixed = signals(1)
    given = evaluation(clean, mixed, others=())
    page = write_report(tmp_path / "out", given, clean=clean)
    before = page.read_bytes()
    with pytest.raises(DanError, match="--force"):
        write_report(tmp_path / "out", with_table(given, model="other"), clean=clean)
    assert page.read_bytes() == before
    write_report(tmp_path / "out", given, clean=clean, force=True)
    assert page.read_bytes() == before  # the same input, the same bytes
    write_report(tmp_path / "out", with_table(given, model="other"), clean=clean, force=True)
    assert page.read_bytes() != before
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    clean, mixed = signals(2)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DanError, match="other things"):
        write_report(tmp_path, evaluation(clean, mixed), clean=clean, force=True)
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_a_failure_leaves_nothing_behind(tmp_path):
    clean, mixed = signals(2)
    with pytest.raises(DanError, match="shapes"):
        write_report(tmp_path / "out", evaluation(clean, mixed), clean=clean[:, :-1])
    broken = with_table(evaluation(clean, mixed), rows=evaluation(clean, mixed).table.rows[1:])
    with pytest.raises(DanError, match="noisy"):
        write_report(tmp_path / "out", broken, clean=clean)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("share", "message"),
    [(0.2, "a gain of 14.0 dB"), (2.0, "a loss of 6.0 dB"), (0.1, "0.0 dB above the theoretical limit")],
)
def test_headline(share, message):
    clean, mixed = signals(2)
    given = evaluation(clean, mixed)
    dan = score("dan", clean + share * (mixed - clean), clean=clean, mixed=mixed)
    rows = tuple(dan if row.name == "dan" else row for row in given.table.rows)
    sentence = headline(with_table(given, rows=rows).table)
    assert message in sentence
    # 20 log10(0.7 / share) dB lie between dan and the low-pass.
    side = "above" if share < 0.7 else "below"
    apart_db = abs(20 * np.log10(0.7 / share))
    assert f"{apart_db:.1f} dB {side} the best classical method (low-pass)" in sentence


@pytest.mark.parametrize(
    ("rate_hz", "shape", "played_hz", "speed", "samples"),
    [
        (256.0, (500, 256), 8192, 32, 128 * 256),  # 4 s, in whole signals
        (250.5, (3, 100), 8016, 32, 300),
        (16000.0, (5, 16000), 16000, 1, 64000),
        (44100.0, (1, 441000), 44100, 1, 4 * 44100),  # a long one is cut
        (8000.0, (2, 1), 8000, 1, 2),
        (1e6, (2, 1000), 166667, 1 / 6, 2000),
    ],
)
def test_any_rate_is_made_audible(rate_hz, shape, played_hz, speed, samples):
    stack = np.random.default_rng(0).normal(0, 5, shape)
    sound = listen({"clean": stack, "mixed": 2 * stack}, sample_rate_hz=rate_hz)
    assert (sound.rate_hz, sound.speed) == (played_hz, pytest.approx(speed))
    assert sound.clips["clean"].shape == (samples,)
    assert np.abs(sound.clips["mixed"]).max() == pytest.approx(0.9)
    np.testing.assert_allclose(sound.clips["mixed"], 2 * sound.clips["clean"], rtol=1e-12)


def test_silence_stays_silence():
    sound = listen({"clean": np.zeros((2, 256))}, sample_rate_hz=256)
    assert not sound.clips["clean"].any()


def test_slower_and_faster_are_said():
    fast, slow = (listen({"clean": np.ones((2, 8))}, sample_rate_hz=rate) for rate in (256, 1e6))
    assert "2 signals in a row, played 32 times faster" in fast.describe(256)
    assert "6 times slower" in slow.describe(1e6)
    assert "times" not in listen({"clean": np.ones((1, 8))}, sample_rate_hz=16000).describe(16000)


def test_the_scores_by_input_snr_and_the_figures_of_a_kind(tmp_path):
    clean, mixed = signals()
    lengths = [len(clean[0]) - 8 * (row % 2) for row in range(len(clean))]
    cut = [
        [signal[:length] for signal, length in zip(stack, lengths, strict=True)] for stack in (clean, mixed)
    ]
    rows = tuple(score(name, cut[1], clean=cut[0], mixed=cut[1], kind="eeg") for name in ("noisy", "dan"))
    figures = {row.name: {"snr_db": row.snr_db, **row.figures} for row in rows}
    given = with_table(
        evaluation(clean, mixed, others=()),
        rows=rows,
        kind="eeg",
        by_snr=(SnrClass(-5, 0, 1, figures), SnrClass(0, 5, 2, figures)),
        settings={"wiener": "noise times 2"},
        remarks=("half of the dB",),
    )
    outputs = dict.fromkeys(("noisy", "dan"), cut[1])
    page = write_report(tmp_path / "out", Evaluation(given.table, outputs), clean=cut[0])
    cells, text = Page(page.read_text()).cells, page.read_text()
    assert cells[0][-3:] == ["RRMSE temporal", "RRMSE spectral", "CC"]
    assert cells[2][-3] == f"{rows[1].figures['rrmse_temporal']:.2f}"
    assert ["-5 to 0 (1)", "0 to 5 (2)"] in [row[-2:] for row in cells]
    assert "noise times 2" in text and "half of the dB" in text
