"""Annotations of every kind come out as the times and labels that were written."""

import numpy as np
import pytest
import soundfile

from dan.core.errors import DanError
from dan.io.annotations import Mark, find_annotations

AUDACITY = "0.500000\t1.250000\tsong\n\\\t1000.0\t4000.0\n2.0\t2.0\t\n"
RAVEN = (
    "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tAnnotation\n"
    "1\tWaveform 1\t1\t0.5\t1.25\t1000\tcall\n1\tSpectrogram 1\t1\t0.5\t1.25\t1000\tcall\n"
    "2\tSpectrogram 1\t1\t3\t3.5\t1000\tbackground noise\n"
)
OF_MANY_FILES = (
    "Selection\tBegin Time (s)\tEnd Time (s)\tBegin File\tFile Offset (s)\n"
    "1\t0.5\t1.25\ta.wav\t0.5\n2\t61\t62\tb.wav\t1.0\n"
)


@pytest.fixture
def recording(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(4000), 1000)
    return tmp_path / "a.wav"


def found(recording, **options):
    annotations = find_annotations(recording, **options)
    return annotations and annotations.marks


def test_labels_of_audacity(recording):
    (recording.parent / "a.txt").write_text(AUDACITY)
    assert found(recording) == (Mark(0.5, 1.25, "song"), Mark(2.0, 2.0, ""))
    assert find_annotations(recording).source == "the labels of a.txt"


@pytest.mark.parametrize("name", ["a.Table.1.selections.txt", "a.wav.txt", "a.tsv"])
def test_selections_of_raven_count_once(recording, name):
    (recording.parent / name).write_text(RAVEN)
    marks = found(recording)
    assert marks == (Mark(0.5, 1.25, "call"), Mark(3.0, 3.5, "background noise"))
    assert [mark.is_noise for mark in marks] == [False, True]


def test_a_table_of_several_files_is_read_for_each(recording):
    (recording.parent / "all.txt").write_text(OF_MANY_FILES)
    labels = recording.parent / "all.txt"
    assert found(recording, labels=labels) == (Mark(0.5, 1.25),)
    assert found(recording.parent / "b.wav", labels=labels) == (Mark(1.0, 2.0),)


def test_labels_lie_in_a_folder_of_their_own(recording, tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text(AUDACITY)
    assert find_annotations(recording) is None
    assert len(found(recording, labels=tmp_path / "labels")) == 2


def test_notes_beside_a_recording_are_no_labels_unless_given(recording):
    (recording.parent / "a.txt").write_text("recorded in the garden\n")
    assert find_annotations(recording) is None
    with pytest.raises(DanError, match=r"neither Audacity's labels nor Raven's.*without a tab: 'recorded in"):
        find_annotations(recording, labels=recording.parent / "a.txt")
    with pytest.raises(DanError, match="no such file or folder"):
        find_annotations(recording, labels=recording.parent / "missing")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (RAVEN.replace("End Time (s)", "Delta"), r"line 2: End Time \(s\) is missing"),
        (RAVEN + "3\tSpectrogram 1\t1\t9\n", r"line 5: End Time \(s\) is missing"),
        (RAVEN.replace("3.5", "soon"), r"line 4: End Time \(s\) is 'soon', which is no number of seconds"),
        (RAVEN.replace("3.5", "2.5"), "it lasts from 3 to 2.5 s"),
    ],
)
def test_damaged_selections_of_raven_are_told(recording, text, said):
    (recording.parent / "a.Table.1.selections.txt").write_text(text)
    with pytest.raises(DanError, match=rf"damaged selections of Raven \({said}\)\. Export them again"):
        find_annotations(recording)


def test_what_begins_before_the_recording_is_kept_and_what_ends_there_left_out(recording):
    (recording.parent / "a.txt").write_text("-2\t-1\told\n-0.5\t-0.5\tpoint\n-0.5\t1\tsong\n0\t0\tstart\n")
    annotations = find_annotations(recording)
    assert annotations.marks == (Mark(-0.5, 1.0, "song"), Mark(0.0, 0.0, "start"))
    assert annotations.source == "the labels of a.txt (2 before its start left out)"


def test_what_begins_after_the_end_is_left_out_and_what_ends_there_kept(recording):
    (recording.parent / "a.txt").write_text("-2\t-1\told\n3\t9\tsong\n4\t4\tend\n4\t5\t\n100\t101\tlate\n")
    annotations = find_annotations(recording, duration_s=4.0)
    assert annotations.marks == (Mark(3.0, 9.0, "song"), Mark(4.0, 4.0, "end"))
    assert annotations.source == "the labels of a.txt (1 before its start and 2 after its end left out)"


def test_where_all_marks_are_left_out_that_is_told(recording):
    (recording.parent / "a.Table.1.selections.txt").write_text(RAVEN)
    annotations = find_annotations(recording, duration_s=0.4)
    assert annotations.marks == () and annotations.left_out == 2
    assert annotations.source == "the selections of a.Table.1.selections.txt (2 after its end left out)"


def test_a_table_of_raven_knows_its_file_in_any_case_and_tells_if_it_has_no_row(recording):
    labels = recording.parent / "all.txt"
    labels.write_text(OF_MANY_FILES.replace("a.wav", "A.WAV"))
    assert found(recording, labels=labels) == (Mark(0.5, 1.25),)
    annotations = find_annotations(recording.with_name("c.wav"), labels=labels)
    assert annotations.source == "the selections of all.txt (none of them is of c.wav)"
    assert annotations.marks == () and annotations.left_out == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_labels_may_have_decimal_commas_and_be_in_utf_16(recording, encoding):
    text = "0,500000\t1,250000\tsöng, long\n-0,5\t10,125000\t\n"
    (recording.parent / "a.txt").write_bytes(text.encode(encoding))
    assert found(recording) == (Mark(-0.5, 10.125), Mark(0.5, 1.25, "söng, long"))


@pytest.mark.parametrize(
    ("line", "said"),
    [("1,250\t2,500\tsong", "'1,250', whose comma"), ("3.0\t2.0\tsong", "it lasts from 3 to 2")],
)
def test_labels_that_do_not_read_are_told(recording, line, said):
    (recording.parent / "a.txt").write_text(line)
    annotations = find_annotations(recording)
    assert annotations.source.startswith("the labels of a.txt (which do not read: ")
    assert said in annotations.source and annotations.marks == ()


def with_annotations(path, *lists, began="+0"):
    """Write an EDF+ file of one record with lists of annotations as they are given."""
    edfio = pytest.importorskip("edfio")
    signal = edfio.EdfSignal(np.random.default_rng(0).standard_normal(1000), 100, label="EEG Fpz")
    edfio.Edf([signal], annotations=[edfio.EdfAnnotation(1, None, "." * 90)]).write(path)
    whole = path.read_bytes()
    start = whole.rindex(b"+0\x14\x14\0")
    written = b"".join(part.encode() + b"\x14\0" for part in (f"{began}\x14", *lists))
    path.write_bytes(whole[:start] + written.ljust(len(whole) - start, b"\0"))


def test_annotations_of_edf_may_begin_before_the_recording(tmp_path):
    with_annotations(tmp_path / "a.edf", "-0.5\x152\x14calm", "-0.5\x14blink", "+1\x14blink")
    annotations = find_annotations(tmp_path / "a.edf")
    assert annotations.marks == (Mark(-0.5, 1.5, "calm"), Mark(1.0, 1.0, "blink"))
    assert annotations.source == "its annotations (1 before its start left out)"


def test_onsets_of_edf_count_from_its_first_record(tmp_path):
    with_annotations(tmp_path / "a.edf", "+2.75\x151\x14blink", "+0.25\x14early", began="+0.75")
    annotations = find_annotations(tmp_path / "a.edf")
    assert annotations.marks == (Mark(2.0, 3.0, "blink"),)
    assert annotations.source == "its annotations (1 before its start left out)"


@pytest.mark.parametrize("wrong", ["+abc\x14blink", "+1\x15abc\x14blink"])
def test_a_time_of_edf_that_is_no_number_is_told_and_labels_are_a_way_out(tmp_path, wrong):
    with_annotations(tmp_path / "a.edf", wrong)
    with pytest.raises(
        DanError, match=r"a\.edf: .* a time is '\+?abc', which is no number of seconds\. .*--labels"
    ):
        find_annotations(tmp_path / "a.edf")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text(AUDACITY)
    assert len(found(tmp_path / "a.edf", labels=tmp_path / "labels")) == 2


def test_annotations_of_edf(tmp_path):
    edfio = pytest.importorskip("edfio")
    signal = edfio.EdfSignal(np.random.default_rng(0).standard_normal(1000), 100, label="EEG Fpz")
    written = [edfio.EdfAnnotation(1.5, 2.0, "Sleep stage W"), edfio.EdfAnnotation(4.25, None, "blink")]
    edfio.Edf([signal], annotations=written).write(tmp_path / "a.edf")
    assert found(tmp_path / "a.edf") == (Mark(1.5, 3.5, "Sleep stage W"), Mark(4.25, 4.25, "blink"))


@pytest.fixture
def record(tmp_path):
    wfdb = pytest.importorskip("wfdb")
    wfdb.wrsamp("r", fs=100, units=["mV"], sig_name=["I"], p_signal=np.arange(1000.0)[:, None], fmt=["16"],
                write_dir=str(tmp_path))  # fmt: skip
    wfdb.wrann("r", "atr", np.array([50, 150]), symbol=["N", "V"], write_dir=str(tmp_path))
    return tmp_path / "r.hea"


def test_annotations_of_wfdb(record):
    annotations = find_annotations(record)
    assert annotations.marks == (Mark(0.5, 0.5, "N"), Mark(1.5, 1.5, "V")) and annotations.are_points


def test_one_annotator_of_several_is_chosen_by_its_file(record):
    wfdb = pytest.importorskip("wfdb")
    wfdb.wrann("r", "qrs", np.array([60]), symbol=["N"], fs=100, write_dir=str(record.parent))
    assert find_annotations(record).source == "the annotations of r.atr"
    found = find_annotations(record, labels=record.with_suffix(".qrs"))
    assert found.marks == (Mark(0.6, 0.6, "N"),) and found.source == "the annotations of r.qrs"
    for other in ("s.hea", "r.wav"):
        with pytest.raises(DanError, match=rf"WFDB record r, and {other} is another.*Leave --labels out"):
            find_annotations(record.with_name(other), labels=record.with_suffix(".atr"))


def test_annotators_of_a_folder_of_labels_go_before_those_beside_a_record(record, tmp_path):
    folder = tmp_path / "checked"
    folder.mkdir()
    assert find_annotations(record, labels=folder).source == "the annotations of r.atr"
    record.with_suffix(".atr").rename(folder / "r.man")
    assert find_annotations(record) is None
    assert find_annotations(record, labels=folder).marks == (Mark(0.5, 0.5, "N"), Mark(1.5, 1.5, "V"))
    assert find_annotations(record, labels=folder / "r.man").source == "the annotations of r.man"


def test_what_is_given_as_labels_is_taken_by_its_content(record):
    text = record.with_name("x.st")
    text.write_text("1\t2\tsong\n")
    assert find_annotations(record, labels=text).marks == (Mark(1.0, 2.0, "song"),)
    damaged = record.with_suffix(".qrs")
    damaged.write_bytes(b"\1\2\3")
    with pytest.raises(DanError, match=r"it is damaged.*Copy it again, or take it away"):
        find_annotations(record, labels=damaged)


@pytest.mark.parametrize("stray", [b"hello notes\n", b"hello notes", b"odd\0\0", b"\0\0", b""])
def test_a_stray_file_beside_a_record_hides_no_annotator(record, stray):
    record.with_suffix(".aaa").write_bytes(stray)
    assert find_annotations(record).source == "the annotations of r.atr"
    record.with_suffix(".atr").rename(record.with_suffix(".own"))
    assert find_annotations(record).source == "the annotations of r.own"
    record.with_suffix(".own").unlink()
    assert find_annotations(record) is None


def test_the_reference_stands_before_what_a_program_found(record):
    reference = record.with_suffix(".atr").read_bytes()
    record.with_suffix(".aaa").write_bytes(reference)
    record.with_suffix(".qrs").write_bytes(reference)
    record.with_name("r.b.atr").write_bytes(reference)
    assert find_annotations(record).source == "the annotations of r.atr"
    record.with_suffix(".atr").write_bytes(b"\0\0")
    assert find_annotations(record).source == "the annotations of r.qrs"


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_a_damaged_annotator_is_told_and_labels_are_a_way_out(record, tmp_path, length):
    annotator = record.with_suffix(".atr")
    annotator.write_bytes(annotator.read_bytes()[:length])
    with pytest.raises(DanError, match=r"r\.atr: it is damaged: .*or take it away"):
        find_annotations(record)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "r.txt").write_text(AUDACITY)
    assert len(found(record, labels=tmp_path / "labels")) == 2


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_column_of_markers(tmp_path, quote):
    marker = np.zeros(1000, int)
    marker[100], marker[300:500] = 1, 2
    rows = [f"{0.01 * at:.2f},{value:.4f},{quote}{mark}{quote}" for at, (value, mark) in
            enumerate(zip(np.random.default_rng(0).standard_normal(1000), marker, strict=True))]  # fmt: skip
    (tmp_path / "a.csv").write_text("timestamps,TP9,Marker0\n" + "\n".join(rows) + "\n")
    assert found(tmp_path / "a.csv") == (Mark(1.0, 1.0, "1"), Mark(3.0, 5.0, "2"))
    assert find_annotations(tmp_path / "a.csv").source == "its column Marker0"
