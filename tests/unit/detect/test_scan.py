import string
from collections.abc import Iterator
from pathlib import Path

import pytest
import regex

from streamproc.detect import scan
from streamproc.detect.scan import Prefilter, ScanPattern

FLAGS = int(regex.IGNORECASE | regex.DOTALL | regex.MULTILINE)
WORD = ScanPattern(r"\bjane\b", FLAGS)
DIGITS = ScanPattern(r"(?<!\d)\d{4}(?!\d)", FLAGS)
LETTERS = ScanPattern(r"^\w{3,}$", FLAGS)


@pytest.fixture(scope="module")
def prefilter(tmp_path_factory: pytest.TempPathFactory) -> Prefilter:
    return Prefilter([WORD, DIGITS, LETTERS], tmp_path_factory.mktemp("patterns"))


def matching(text: str) -> set[int]:
    patterns = [WORD, DIGITS, LETTERS]
    return {i for i, p in enumerate(patterns) if regex.search(p.regex, text, p.flags)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Jane",
        "ask jane",
        "JANE\n1234",
        "٠١٢٣",
        "\U0001d7d9\U0001d7da\U0001d7db\U0001d7dc",
        "a\u0301e\u0301i\u0301",  # combining marks are letters to regex, not to Vectorscan
        "\U00010d30\U00010d31\U00010d32\U00010d33",  # digits newer than Vectorscan's Unicode
        "नमस्ते",
        "\u0130stanbul",
        "\ud800jane",
        "x\x00jane",
    ],
)
def test_candidates_hold_every_pattern_that_matches(prefilter: Prefilter, text: str) -> None:
    assert prefilter.candidates(text) >= matching(text)


def test_patterns_that_cannot_match_are_no_candidates(prefilter: Prefilter) -> None:
    assert prefilter.candidates("--") == frozenset()
    assert prefilter.candidates("— ¡") == frozenset()
    assert prefilter.candidates("1234") == {1, 2}


def test_every_letter_that_folds_to_ascii_is_known() -> None:
    others = "".join(map(chr, [*range(0x80, 0xD800), *range(0xE000, 0x110000)]))
    ranges = ["[a-z]", "[A-Z]", *string.ascii_letters]
    folding = {found for each in ranges for found in regex.findall(each, others, regex.IGNORECASE)}
    assert folding == set("\u0130\u0131\u017f\u212a")
    assert all(map(scan._FOLDS_TO_ASCII.match, folding))


def test_letters_that_fold_to_ascii_make_everything_a_candidate(tmp_path: Path) -> None:
    prefilter = Prefilter([ScanPattern("kiss", FLAGS)], tmp_path)
    assert prefilter.candidates("\u212ai\u017fs") == {0}
    assert regex.search("kiss", "\u212ai\u017fs", FLAGS)


@pytest.mark.parametrize(
    "pattern",
    [
        ScanPattern("é", FLAGS),
        ScanPattern(r"\p{Lu}", FLAGS),
        ScanPattern(r"\xe9", FLAGS),
        ScanPattern("(?-i:x)", FLAGS),
        ScanPattern("[[:alpha:]]", FLAGS),
        ScanPattern("x", int(regex.VERBOSE)),
        ScanPattern("x*", FLAGS),  # refused: matches the empty text
    ],
)
def test_patterns_vectorscan_may_read_otherwise_are_always_candidates(
    tmp_path: Path, pattern: ScanPattern
) -> None:
    prefilter = Prefilter([WORD, pattern], tmp_path)
    assert prefilter.candidates("--") == {1}
    assert Prefilter([WORD, pattern], tmp_path).candidates("jane") == {0, 1}


@pytest.mark.parametrize(
    ("pattern", "match"),
    [
        (ScanPattern(r"(?i)jane", 0), "JANE"),
        (ScanPattern(r"[0-9A-F]{2}([:-])[0-9A-F]{2}\1", FLAGS), "0a-1B-"),
        (ScanPattern(r"[:.]\d", FLAGS), ":1"),
    ],
)
def test_flags_back_references_and_sets_of_signs_are_scanned_for(
    tmp_path: Path, pattern: ScanPattern, match: str
) -> None:
    prefilter = Prefilter([pattern], tmp_path)
    assert prefilter.candidates(match) == {0}
    assert prefilter.candidates("something else") == frozenset()


def test_nothing_is_scanned_for_without_patterns(tmp_path: Path) -> None:
    assert Prefilter([], tmp_path).candidates("jane") == frozenset()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def test_compiled_patterns_are_kept_and_used(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "when missing"
    Prefilter([WORD], folder)
    (file,) = _files(folder)
    before = file.stat().st_mtime_ns
    assert Prefilter([WORD], folder).candidates("jane") == {0}
    assert file.stat().st_mtime_ns == before


@pytest.mark.parametrize("damage", [b"", b"x" * 100, None])
def test_damaged_file_is_compiled_again(tmp_path: Path, damage: bytes | None) -> None:
    Prefilter([WORD], tmp_path)
    (file,) = _files(tmp_path)
    good = file.read_bytes()
    file.write_bytes(good[:-1] if damage is None else damage)
    assert Prefilter([WORD], tmp_path).candidates("jane") == {0}
    assert len(file.read_bytes()) == len(good)


def test_folder_that_cannot_be_made_only_costs_time(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert Prefilter([WORD], file / "folder").candidates("jane") == {0}


def test_other_patterns_are_kept_in_another_file(tmp_path: Path) -> None:
    Prefilter([WORD], tmp_path)
    assert Prefilter([DIGITS], tmp_path).candidates("1234") == {0}
    assert len(list(_files(tmp_path))) == 2


def test_where_a_match_starts_anew_makes_no_difference_to_candidates(tmp_path: Path) -> None:
    prefilter = Prefilter([ScanPattern(r"user=\K\w+", FLAGS)], tmp_path)
    assert prefilter.candidates("user=jane") == {0}
    assert prefilter.candidates("jane") == frozenset()


def test_an_escaped_backslash_before_a_k_is_no_such_mark(tmp_path: Path) -> None:
    prefilter = Prefilter([ScanPattern(r"a\\K", FLAGS)], tmp_path)
    assert prefilter.candidates("a\\K") == {0}
    assert prefilter.candidates("a") == frozenset()
