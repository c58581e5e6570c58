import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from datafiles import write_png
from PIL import Image
from pydantic import ValidationError

from vaelab.data import ImagesData
from vaelab.data.folders import list_images, natural
from vaelab.data.pictures import read_picture
from vaelab.errors import BadValueError, MissingFileError


def grey(path: Path, value: int, side: int = 4) -> Path:
    return write_png(path, np.full((side, side), value, dtype=np.uint8))


def colour(path: Path, *value: int) -> Path:
    return write_png(path, np.full((4, 4, len(value)), value, dtype=np.uint8))


def fill(root: Path, *classes: str, count: int = 10) -> Path:
    """A folder for each class with `count` pictures, 1.png, 2.png, ..., of values of their own."""
    for label, name in enumerate(classes):
        for number in range(count):
            grey(root / name / f"{number + 1}.png", 100 * label + number)
    return root


@pytest.mark.parametrize("between", ["", "images"])
def test_train_and_test_folders(tmp_path: Path, between: str) -> None:
    fill(tmp_path / "train" / between, "cat", "dog")
    fill(tmp_path / "test" / between, "cat", "dog", count=3)
    store = ImagesData(path=tmp_path, validation=4).load()
    assert store.classes == ("cat", "dog")
    assert {name: len(part) for name, part in store.splits.items()} == {
        "train": 16,
        "valid": 4,
        "test": 6,
    }
    # in the order of the names, and of the classes where these are equal
    assert store.test.images[:, 0, 0, 0].tolist() == [0, 100, 1, 101, 2, 102]
    assert store.test.labels.tolist() == [0, 1, 0, 1, 0, 1]


def test_folders_given_one_by_one(tmp_path: Path) -> None:
    fill(tmp_path / "here", "10", "9")
    fill(tmp_path / "there", "9", count=2)
    store = ImagesData(train=tmp_path / "here", test=tmp_path / "there").load()
    assert store.classes == ("9", "10")
    assert store.test.labels.tolist() == [0, 0]
    assert store.name == "here"


def test_class_folders_alone_are_divided(tmp_path: Path) -> None:
    store = ImagesData(path=fill(tmp_path / "pets", "cat", "dog")).load()
    assert len(store.test) == 4
    assert np.bincount(store.test.labels).tolist() == [2, 2]
    assert store.name == "pets"


@pytest.mark.parametrize("layout", ["", "only"])
def test_a_single_class(tmp_path: Path, layout: str) -> None:
    store = ImagesData(path=fill(tmp_path, layout)).load()
    assert store.classes == (layout or "images",)
    assert set(store.train.labels) == {0}


def test_clutter_is_passed_over(tmp_path: Path) -> None:
    fill(tmp_path, "cat", "dog")
    (tmp_path / ".git").mkdir()
    (tmp_path / "Thumbs.db").touch()
    (tmp_path / "cat" / ".DS_Store").touch()
    (tmp_path / "cat" / "desktop.ini").touch()
    assert len(list_images(tmp_path).files) == 20


def test_linked_folders(tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere", "a")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "b").symlink_to(tmp_path / "elsewhere" / "a")
    assert list_images(tmp_path / "root").classes == ("b",)


def test_numbers_in_names_count_as_numbers() -> None:
    names = ["10.png", "2.png", "1.png", "a10", "a9b", "A9a", "img_2_10", "img_2_9", "²"]
    assert sorted(names, key=natural) == [
        *["1.png", "2.png", "10.png", "A9a", "a9b", "a10", "img_2_9", "img_2_10", "²"]
    ]


def test_size_scales_to_cover_and_crops_the_centre(tmp_path: Path) -> None:
    wide = np.zeros((10, 30), dtype=np.uint8)
    wide[:, 10:20] = 255
    write_png(tmp_path / "1.png", wide)
    write_png(tmp_path / "2.png", wide.T.copy())
    grey(tmp_path / "3.png", 255, side=5)
    config = ImagesData(path=tmp_path, size=10, validation=0, test_fraction=0.4)
    store = config.load()
    assert store.image_shape == (1, 10, 10)
    assert store.train.images.min() == 255
    assert store.test.images.min() == 255
    oblong = ImagesData(path=tmp_path, size=(6, 12), validation=0, test_fraction=0.4)
    assert oblong.load().image_shape == (1, 6, 12)


@pytest.mark.parametrize(
    ("pixels", "wanted"),
    [
        ((7, 7, 7), [7]),  # RGB that is grey
        ((1, 2, 3), [1, 2, 3]),
        ((200, 0, 0, 0), [255]),  # transparent: the white below
        ((255, 0, 0, 255), [255, 0, 0]),
        ((0, 0, 0, 128), [127]),  # half transparent black on white
        ((10, 255), [10]),  # grey with alpha
        ((10, 0), [255]),
    ],
)
def test_colours(tmp_path: Path, pixels: tuple[int, ...], wanted: list[int]) -> None:
    picture = read_picture(str(colour(tmp_path / "a.png", *pixels)))
    assert picture[0, 0].tolist() == wanted


def test_one_colour_picture_makes_all_of_them_colour(tmp_path: Path) -> None:
    fill(tmp_path, "a", "b")
    assert ImagesData(path=tmp_path).load().image_shape == (1, 4, 4)
    assert ImagesData(path=tmp_path, channels=3).load().image_shape == (3, 4, 4)
    colour(tmp_path / "b" / "11.png", 255, 0, 0)
    store = ImagesData(path=tmp_path).load()
    assert store.image_shape == (3, 4, 4)
    config = ImagesData(path=tmp_path, channels=1)
    assert config.load().image_shape == (1, 4, 4)
    assert 76 in config.raw().train.images  # luma of red: 0.299 * 255


MODES = {
    "png": ["1", "P", "L", "RGB", "I;16"],
    "jpg": ["1", "L", "RGB", "CMYK"],
    "webp": ["1", "P", "L", "RGB"],
    "bmp": ["1", "P", "L", "RGB"],
}


@pytest.mark.parametrize(
    ("suffix", "mode"), [(suffix, mode) for suffix, modes in MODES.items() for mode in modes]
)
def test_modes_and_formats(tmp_path: Path, suffix: str, mode: str) -> None:
    path = tmp_path / f"a.{suffix}"
    if mode == "I;16":
        image = Image.fromarray(np.full((8, 8), 65535, dtype=np.uint16))
    else:
        image = Image.new("L", (8, 8), 255).convert(mode)
    image.save(path)
    picture = read_picture(str(path))
    assert picture.shape == (8, 8, 1)
    assert picture.min() >= 254


def test_sixteen_bits_are_rounded_to_eight(tmp_path: Path) -> None:
    values = np.array([[0, 128, 129, 257, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert read_picture(str(tmp_path / "a.png"))[0, :, 0].tolist() == [0, 0, 1, 1, 255]


def test_pictures_stand_upright(tmp_path: Path) -> None:
    pixels = np.zeros((8, 16), dtype=np.uint8)
    pixels[:, 8:] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=exif, quality=100)
    picture = read_picture(str(tmp_path / "a.jpg"))
    assert picture.shape == (16, 8, 1)
    assert picture[0].max() < 10
    assert picture[15].min() > 245


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"no folder .*nowhere"):
        ImagesData(path=tmp_path / "nowhere").load()
    with pytest.raises(MissingFileError, match=r"no folder .*nowhere"):
        ImagesData(train=fill(tmp_path / "a", "b"), test=tmp_path / "nowhere").load()


def test_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(BadValueError, match="no images in this folder"):
        ImagesData(path=tmp_path).load()
    fill(tmp_path, "cat")
    (tmp_path / "dog").mkdir()
    with pytest.raises(BadValueError, match="dog: this class folder is empty"):
        ImagesData(path=tmp_path).load()


def test_folders_and_files_side_by_side(tmp_path: Path) -> None:
    fill(tmp_path, "cat")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(BadValueError, match=r"both folders \(cat\) and files \(notes\.txt\)"):
        ImagesData(path=tmp_path).load()


def test_folders_in_class_folders(tmp_path: Path) -> None:
    fill(tmp_path / "cat", "tabby")
    with pytest.raises(BadValueError, match="cat: holds the folder tabby"):
        ImagesData(path=tmp_path).load()


def test_a_test_class_that_training_lacks(tmp_path: Path) -> None:
    fill(tmp_path / "train", "cat", "dog")
    fill(tmp_path / "test", "cat", "dogs")
    with pytest.raises(BadValueError, match=r"no class `dogs` among .* cat, dog"):
        ImagesData(path=tmp_path).load()


def test_different_sizes_name_two_files(tmp_path: Path) -> None:
    grey(tmp_path / "1.png", 0)
    write_png(tmp_path / "2.png", np.zeros((5, 7), dtype=np.uint8))
    with pytest.raises(BadValueError, match=r"1\.png is 4x4 but .*2\.png is 7x5.*size: 4"):
        ImagesData(path=tmp_path).load()


def test_a_file_that_is_no_image(tmp_path: Path) -> None:
    fill(tmp_path, "cat")
    (tmp_path / "cat" / "notes.txt").write_text("meow")
    with pytest.raises(BadValueError, match=r"notes\.txt: this is no PNG.*move it out"):
        ImagesData(path=tmp_path).load()


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp"])
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9])
def test_truncated_pictures(tmp_path: Path, suffix: str, kept: float) -> None:
    pixels = np.random.default_rng(0).integers(256, size=(32, 32, 3), dtype=np.uint8)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(pixels).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(BadValueError, match=r"a\.\w+: this (image is damaged|is no PNG)"):
        read_picture(str(path))


@pytest.mark.parametrize(("place", "value"), [(29, 0), (31, 7)])
def test_damaged_exif_data(tmp_path: Path, place: int, value: int) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x011A] = 6, 72.0
    Image.new("L", (4, 4)).save(tmp_path / "a.jpg", exif=exif)
    content = bytearray((tmp_path / "a.jpg").read_bytes())
    content[content.index(b"Exif") + place] = value
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(BadValueError, match=r"a\.jpg: this image is damaged .*remove it"):
        ImagesData(path=tmp_path).load()


def test_a_png_with_a_profile_after_its_pixels(tmp_path: Path) -> None:
    content = grey(tmp_path / "a.png", 5).read_bytes()
    (tmp_path / "a.png").write_bytes(content[:-12] + chunk(b"iCCP", b"") + content[-12:])
    with pytest.raises(BadValueError, match=r"a\.png: this image is damaged"):
        ImagesData(path=tmp_path).load()


def test_a_lack_of_memory_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(image: Image.Image) -> None:
        raise MemoryError

    monkeypatch.setattr("vaelab.data.pictures._eight_bits", exhausted)
    with pytest.raises(MemoryError):
        read_picture(str(grey(tmp_path / "a.png", 5)))


def chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def test_a_decompression_bomb(tmp_path: Path) -> None:
    def bomb(side: int) -> bytes:
        head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000)))
        return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")

    for side in (10_000, 60_000):  # where Pillow warns, and where it refuses
        (tmp_path / "a.png").write_bytes(bomb(side))
        with pytest.raises(BadValueError, match=r"a\.png: this image has more pixels than is safe"):
            ImagesData(path=tmp_path).load()


def test_other_formats_are_not_opened(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("L", (4, 4)).save(buffer, "gif")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    with pytest.raises(BadValueError, match="this is no PNG"):
        ImagesData(path=tmp_path).load()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "needs either `path` or `train`"),
        ({"path": "a", "train": "b"}, "needs either `path` or `train`"),
        ({"path": "a", "test": "b"}, "`test` stands beside `train`"),
        ({"path": "a", "size": 0}, "greater than 0"),
        ({"path": "a", "size": [4]}, "size"),
        ({"path": "a", "channels": 2}, "1 or 3"),
    ],
)
def test_keys(keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ImagesData.model_validate(keys)
