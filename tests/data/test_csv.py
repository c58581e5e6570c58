from pathlib import Path

import numpy as np
import pytest
from datafiles import write_csv
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from vaelab.data import CsvData, ImagesData
from vaelab.data.sources.csv import extract, read_csv
from vaelab.errors import BadValueError, MissingFileError, StorageError

tables = st.tuples(st.integers(1, 6), st.integers(1, 4)).flatmap(
    lambda shape: st.tuples(
        arrays(np.uint8, (shape[0], shape[1], shape[1])), arrays(np.uint8, shape[0])
    )
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(table=tables, end=st.sampled_from(["\n", "\r\n"]), last=st.booleans(), quoted=st.booleans())
def test_round_trip(
    tmp_path: Path, table: tuple[np.ndarray, np.ndarray], end: str, last: bool, quoted: bool
) -> None:
    """Whatever the line ends, the end of the last line and the quotes."""
    images, labels = table
    path = write_csv(tmp_path / "images.csv", images, labels)
    lines = path.read_text().split("\n")[:-1]
    if quoted:
        lines = [",".join(f'"{cell}"' for cell in line.split(",")) for line in lines]
    path.write_bytes((end.join(lines) + (end if last else "")).encode())
    part = read_csv(path)
    assert np.array_equal(part.images[:, 0], images)
    assert np.array_equal(part.numbers, labels)


def test_a_wrong_line_far_below(tmp_path: Path, digits: tuple[np.ndarray, ...]) -> None:
    path = write_csv(tmp_path / "images.csv", *digits)
    lines = path.read_text().splitlines()
    lines[33] = lines[33] + "x"
    path.write_text("\n".join(lines))
    with pytest.raises(BadValueError, match="line 34, column 17"):
        read_csv(path)


@pytest.mark.parametrize("row", ["1, 2,3 ,4,5", "1,\u0662,3,4,5"])
def test_spaces_and_digits_of_other_scripts(tmp_path: Path, row: str) -> None:
    path = tmp_path / "images.csv"
    path.write_text("\n".join([*ROWS, row]))
    assert read_csv(path).images[-1].ravel().tolist() == [2, 3, 4, 5]


def test_a_test_file_or_a_held_out_part(tmp_path: Path, digits: tuple[np.ndarray, ...]) -> None:
    images, labels = digits
    train = write_csv(tmp_path / "train.csv", images[:30], labels[:30])
    test = write_csv(tmp_path / "test.csv", images[30:], labels[30:])
    store = CsvData(train=train, test=test).load()
    assert {name: len(part) for name, part in store.splits.items()} == {
        "train": 27,
        "valid": 3,
        "test": 10,
    }
    alone = CsvData(train=train, test_fraction=0.5).load()
    assert len(alone.test) == 15
    assert store.name == "train"


def test_classes_are_the_labels_that_occur(tmp_path: Path, digits: tuple[np.ndarray, ...]) -> None:
    images, labels = digits
    store = CsvData(train=write_csv(tmp_path / "a.csv", images, labels * 3 + 2)).load()
    assert store.classes == ("2", "5", "8", "11")
    assert set(store.train.labels) == {0, 1, 2, 3}


ROWS = ["label,a,b,c,d", "1,0,0,0,0", "0,1,2,3,4", "1,5,6,7,8"]


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        (3, "0,1,2,3", r"line 3: 4 values, but the header has 5 columns"),
        (3, "0,1,2,3,4,5", r"line 3: 6 values, but the header has 5"),
        (4, "1,5,6,7", r"line 4: 4 values"),
        (3, "0,1,256,3,4", r"line 3, column 3: `256` is not an integer in 0\.\.255"),
        (3, "0,1,-1,3,4", r"line 3, column 3: `-1` is not"),
        (3, "0,1,2.5,3,4", r"line 3, column 3: `2.5` is not"),
        (3, "0,1,,3,4", r"line 3, column 3: `` is not"),
        (3, '0,1, "2",3,4', r'line 3, column 3: `"2"` is not'),
        (3, "0,1,cat,3,4", r"line 3, column 3: `cat` is not"),
        (2, "cat,1,2,3,4", r"line 2, column 1: `cat` is not.*labels are numbers"),
        (3, "-1,1,2,3,4", r"line 3, column 1: `-1` is not"),
        (4, "1,5,6,7,99999999999999999999", r"line 4, column 5: `9+` is not"),
        (1, "", r"line 1: the header is blank"),
        (1, "1,5,6,7,8", r"line 1: these are numbers, not a header"),
        (1, "a,b,c,d", r"line 1: 4 columns are pixels without a label"),
        (1, "label,a,b,c", r"line 1: 4 columns are no square"),
        (1, "a,b,c,d,Label", r"line 1: `label` is column 5; wanted is the label first"),
        (1, "label,a,b", r"line 1: 3 columns are no square"),
        (1, "label", r"line 1: 1 columns"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: int, text: str, message: str) -> None:
    rows = ROWS.copy()
    rows[line - 1] = text
    path = tmp_path / "images.csv"
    path.write_text("\n".join(rows) + "\n")
    with pytest.raises(BadValueError, match=message) as caught:
        read_csv(path)
    assert str(path) in str(caught.value)


def test_blank_lines_are_passed_over_and_still_counted(tmp_path: Path) -> None:
    path = tmp_path / "images.csv"
    path.write_text("\n".join([*ROWS[:2], "", *ROWS[2:], "", ""]))
    assert len(read_csv(path).images) == 3
    path.write_text("\n".join([*ROWS[:2], "", "1,2"]))
    with pytest.raises(BadValueError, match="line 4: 2 values"):
        read_csv(path)


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    path = tmp_path / "images.csv"
    path.write_text("\n".join(ROWS), encoding="utf-8-sig")
    assert read_csv(path).numbers.tolist() == [1, 0, 1]


def test_a_quote_that_never_ends(tmp_path: Path) -> None:
    path = tmp_path / "images.csv"
    path.write_text("\n".join([*ROWS, '1,"' + "5" * 200_000]))
    with pytest.raises(BadValueError, match="line 5: this is not CSV"):
        read_csv(path)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\x01" * 9, b"\x89PNG\r\n\x1a\n" + bytes(99)])
def test_a_file_that_is_no_text(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "images.csv").write_bytes(content)
    with pytest.raises(BadValueError, match="line 1"):
        read_csv(tmp_path / "images.csv")


def test_no_rows(tmp_path: Path) -> None:
    (tmp_path / "images.csv").write_text("label,a\n")
    with pytest.raises(BadValueError, match="there are no images"):
        read_csv(tmp_path / "images.csv")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"no file .*nowhere"):
        CsvData(train=tmp_path / "nowhere.csv").load()
    with pytest.raises(StorageError, match="cannot read"):
        read_csv(tmp_path)


def test_extracted_pictures_are_the_same_data(
    tmp_path: Path, digits: tuple[np.ndarray, ...]
) -> None:
    images, labels = digits
    train = write_csv(tmp_path / "train.csv", images[:30], labels[:30])
    test = write_csv(tmp_path / "test.csv", images[30:], labels[30:])
    folder = extract(train, tmp_path / "data", "train")
    extract(test, tmp_path / "data", "test")

    assert folder == tmp_path / "data" / "train" / "images"
    assert np.array_equal(np.asarray(Image.open(folder / "3" / "12.png")), images[11])
    table = CsvData(train=train, test=test).load()
    for config in (
        ImagesData(path=tmp_path / "data"),
        ImagesData(train=folder, test=tmp_path / "data" / "test" / "images"),
    ):
        store = config.load()
        assert store.classes == table.classes
        assert store.checksum == table.checksum
        assert np.array_equal(store.test.images, table.test.images)


def test_extract_writes_nothing_of_a_bad_file(
    tmp_path: Path, digits: tuple[np.ndarray, ...]
) -> None:
    path = write_csv(tmp_path / "train.csv", *digits)
    path.write_text(path.read_text() + "1,2,3\n")
    with pytest.raises(BadValueError, match="line 42: 3 values"):
        extract(path, tmp_path / "data", "train")
    assert not (tmp_path / "data").exists()


def test_extract_mixes_nothing(tmp_path: Path, digits: tuple[np.ndarray, ...]) -> None:
    path = write_csv(tmp_path / "train.csv", *digits)
    extract(path, tmp_path / "data", "train")
    with pytest.raises(BadValueError, match="exists already"):
        extract(path, tmp_path / "data", "train")
    assert [entry.name for entry in (tmp_path / "data" / "train").iterdir()] == ["images"]


def test_extract_into_a_file(tmp_path: Path, digits: tuple[np.ndarray, ...]) -> None:
    path = write_csv(tmp_path / "train.csv", *digits)
    with pytest.raises(StorageError, match="cannot write"):
        extract(path, path, "train")
