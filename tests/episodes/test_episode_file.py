import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robotd.core.errors import DatasetError
from robotd.episodes.episode_file import (
    FILE_NAME,
    CameraInfo,
    EpisodeFile,
    Origin,
    decode,
    encode,
    read_episode_file,
    write_episode_file,
)
from tests.episodes.small_episode import origin

ID = "20260101-000000-abcd"
TEXT = st.text(max_size=12)
COUNTS = st.dictionaries(TEXT, st.integers(0, 2**50), max_size=3)
ORIGINS = st.builds(
    Origin,
    id=st.just(ID),
    kind=st.sampled_from(["collect", "run", "replay"]),
    cell=TEXT,
    t_begin_ns=st.integers(0, 2**62),
    wall_offset_ns=st.integers(-(2**62), 2**62),
    config_sha256=TEXT,
    about=st.dictionaries(TEXT, TEXT, max_size=3),
    versions=st.dictionaries(TEXT, TEXT, max_size=3),
    cameras=st.dictionaries(
        TEXT,
        st.builds(
            CameraInfo,
            codec=st.sampled_from(["h264", "jpeg", "png"]),
            width_px=st.integers(1, 4096),
            height_px=st.integers(1, 4096),
            fps=st.floats(0.1, 200),
        ),
        max_size=2,
    ),
)
FILES = st.builds(
    EpisodeFile,
    origin=ORIGINS,
    status=st.sampled_from(["complete", "recovered"]),
    outcome=TEXT,
    reason=TEXT,
    label=st.sampled_from(["", "success", "failure"]),
    score=st.floats(-1, 1),
    t_first_ns=st.integers(0, 2**62),
    t_last_ns=st.integers(0, 2**62),
    lost_s=st.floats(0, 1e6),
    counts=COUNTS,
    dropped=COUNTS,
    log_bytes=st.integers(0, 2**50),
    log_sha256=st.just("0f" * 32),
    checksum=st.just("0" * 64),
)


def small_file(**changes):
    file = EpisodeFile(
        origin=origin(ID),
        outcome="success",
        t_first_ns=1_000,
        t_last_ns=3_000_001_000,
        counts={"/arm": 3},
        log_bytes=5,
        log_sha256="0f" * 32,
    )
    return msgspec.structs.replace(file, **changes)


@settings(max_examples=60, deadline=None)
@given(FILES)
def test_a_description_has_one_text_and_comes_back_from_it(file):
    text = encode(file)

    back = decode(text, "test")

    assert msgspec.structs.replace(back, checksum=file.checksum) == file
    assert encode(back) == text


@settings(max_examples=60, deadline=None)
@given(ORIGINS)
def test_an_origin_comes_back_from_the_log_s_metadata(begun):
    texts = begun.as_metadata()

    assert all(isinstance(text, str) for text in texts.values())
    assert Origin.from_metadata(texts) == begun


@pytest.mark.parametrize(
    "change", [{"kind": "dance"}, {"t_begin_ns": "soon"}, {"about": "{"}, {"other": "1"}]
)
def test_metadata_of_something_else_is_refused(change):
    with pytest.raises(DatasetError, match="the log's metadata"):
        Origin.from_metadata(origin(ID).as_metadata() | change)


def test_an_edited_description_is_refused(tmp_path):
    folder = tmp_path / ID
    folder.mkdir()
    write_episode_file(folder, small_file())
    path = folder / FILE_NAME
    path.write_text(path.read_text().replace('"success"', '"failure"'))

    with pytest.raises(DatasetError, match="damaged or edited"):
        read_episode_file(folder)


def test_a_rewritten_text_of_the_same_content_is_refused(tmp_path):
    folder = tmp_path / ID
    folder.mkdir()
    write_episode_file(folder, small_file())
    path = folder / FILE_NAME
    path.write_bytes(msgspec.json.format(path.read_bytes(), indent=4))

    with pytest.raises(DatasetError, match="checksum"):
        read_episode_file(folder)


def test_a_score_that_could_not_be_read_back_is_not_written(tmp_path):
    folder = tmp_path / ID
    folder.mkdir()

    with pytest.raises(DatasetError, match="score"):
        write_episode_file(folder, small_file(score=float("nan")))

    assert list(folder.iterdir()) == []


def test_how_long_it_took_is_told_in_seconds():
    assert small_file().duration_s == 3.0
